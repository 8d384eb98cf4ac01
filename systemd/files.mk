# The service's unit, with the folder that the program was installed to.
systemdunit_DATA = %D%/switchyard.service
EXTRA_DIST += %D%/switchyard.service.in
CLEANFILES += %D%/switchyard.service

%D%/switchyard.service: %D%/switchyard.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	sed 's|@bindir[@]|$(bindir)|g' $(srcdir)/%D%/switchyard.service.in >$@
