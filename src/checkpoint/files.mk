libcore_a_SOURCES += \
	%D%/array.c %D%/array.h \
	%D%/blosc.c %D%/blosc.h \
	%D%/blosclz.c %D%/blosclz.h \
	%D%/chain.c %D%/chain.h \
	%D%/checkpoint.c %D%/checkpoint.h \
	%D%/chunked.c %D%/chunked.h \
	%D%/codec.c %D%/codec.h \
	%D%/fill.c %D%/fill.h \
	%D%/flax.c %D%/flax.h \
	%D%/inline.c %D%/inline.h \
	%D%/layout.h \
	%D%/leaf.c %D%/leaf.h \
	%D%/listing.c %D%/listing.h \
	%D%/locate.c %D%/locate.h \
	%D%/msgpack.c %D%/msgpack.h \
	%D%/orbax.c %D%/orbax.h \
	%D%/orbax_index.c %D%/orbax_index.h \
	%D%/packed.c %D%/packed.h \
	%D%/permute.c %D%/permute.h \
	%D%/scratch.c %D%/scratch.h \
	%D%/shard.c %D%/shard.h \
	%D%/shuffle.c %D%/shuffle.h \
	%D%/snappy.c %D%/snappy.h \
	%D%/sniff.c %D%/sniff.h \
	%D%/spec.c %D%/spec.h \
	%D%/t5x.c %D%/t5x.h \
	%D%/tree.c %D%/tree.h \
	%D%/zarr.c %D%/zarr.h \
	%D%/zarr2.c %D%/zarr2.h \
	%D%/zarr2_meta.c \
	%D%/zarr3.c %D%/zarr3.h \
	%D%/zarr3_codecs.c \
	%D%/zarr3_meta.c %D%/zarr3_meta.h \
	%D%/zarr3_named.c %D%/zarr3_named.h \
	%D%/zarr_impl.c %D%/zarr_impl.h
