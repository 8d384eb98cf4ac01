libcore_a_SOURCES += \
	%D%/attributes.c \
	%D%/attributes.h \
	%D%/config.c \
	%D%/config.h \
	%D%/config_json.c \
	%D%/config_right.c \
	%D%/dims.c \
	%D%/dims.h \
	%D%/generation.c \
	%D%/generation.h \
	%D%/gin.c \
	%D%/gin.h \
	%D%/gin_known.h \
	%D%/gin_known_moe.c \
	%D%/gin_known_t5.c \
	%D%/gin_lex.c \
	%D%/gin_lex.h \
	%D%/gin_literal.c \
	%D%/gin_load.c \
	%D%/gin_model.c \
	%D%/gin_model.h \
	%D%/gin_model_layers.c \
	%D%/gin_model_parts.h \
	%D%/gin_model_taboos.c \
	%D%/gin_names.c \
	%D%/gin_parse.c \
	%D%/gin_parse_value.c \
	%D%/gin_parts.h \
	%D%/gin_value.c \
	%D%/inventory.c \
	%D%/inventory.h \
	%D%/model.c \
	%D%/model.h \
	%D%/names.c \
	%D%/names.h \
	%D%/pretrained.c \
	%D%/pretrained.h \
	%D%/pretrained_check.c \
	%D%/pretrained_check.h \
	%D%/pyvalue.c \
	%D%/pyvalue.h \
	%D%/reference_gin.c \
	%D%/reference_gin.h \
	%D%/stated.c \
	%D%/stated.h \
	%D%/tensors.c \
	%D%/tensors.h \
	%D%/warnings.c \
	%D%/warnings.h

# Not run by the build: it needs gin-config and the repositories.
EXTRA_DIST += %D%/make_gin_known.py
