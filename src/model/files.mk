libcore_a_SOURCES += \
	%D%/gin.h \
	%D%/model.h
