libcore_a_SOURCES += \
	%D%/safetensors.h
