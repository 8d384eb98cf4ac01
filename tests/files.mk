# Golden cases and end-to-end tests.
