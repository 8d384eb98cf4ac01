/*
 * The command line's front door.
 */
#include <stdio.h>

int main(void)
{
    puts(PACKAGE_STRING);
    return 0;
}
