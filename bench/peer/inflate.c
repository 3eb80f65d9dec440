/*
 * inflate list PLAN IDX PACK
 * inflate run THREADS OUT (PLAN PACK)...
 *
 * The least that anybody can do who reads the messages of a history from its packs: libdeflate over every commit, and
 * nothing else. A commit that is stored as a delta counts with the inflating of its delta. list, which is not timed,
 * writes down where the commits of a pack are; run inflates them, in runs of RUN commits a thread takes in turn, and
 * writes their number to the file OUT, and their bytes. gitformat-pack(5) describes the files.
 */
#include <fcntl.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RUN = 1024, COMMIT = 1, OFS_DELTA = 6, REF_DELTA = 7, NAME = 20 };

struct file {
	const uint8_t *data;
	size_t size;
};

struct place { /* of a commit's compressed bytes */
	uint64_t at;
	uint32_t most, size; /* compressed, at most; inflated */
};

static void fail(const char *what)
{
	fprintf(stderr, "inflate: %s\n", what);
	exit(1);
}

static struct file map(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st)) {
		perror(path);
		exit(1);
	}
	struct file f = { NULL, st.st_size };
	if (f.size && (f.data = mmap(NULL, f.size, PROT_READ, MAP_SHARED, fd, 0)) == MAP_FAILED) {
		perror(path);
		exit(1);
	}
	close(fd);
	return f;
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

struct index {
	uint32_t count;
	const uint8_t *fanout, *names, *offsets, *wide;
};

static struct index read_index(struct file f)
{
	if (f.size < 8 + 1024 || be32(f.data) != 0xff744f63 || be32(f.data + 4) != 2)
		fail("not an index of version 2");
	struct index x = { .count = be32(f.data + 8 + 1020), .fanout = f.data + 8, .names = f.data + 8 + 1024 };
	if (f.size < 8 + 1024 + (uint64_t)x.count * (NAME + 8) + 2 * NAME)
		fail("the index is cut short");
	x.offsets = x.names + (uint64_t)x.count * (NAME + 4);
	x.wide = x.offsets + (uint64_t)x.count * 4;
	return x;
}

static uint64_t offset_of(const struct index *x, uint32_t i)
{
	uint32_t narrow = be32(x->offsets + (uint64_t)i * 4);
	if (!(narrow & 0x80000000))
		return narrow;
	const uint8_t *p = x->wide + (uint64_t)(narrow & 0x7fffffff) * 8;
	return (uint64_t)be32(p) << 32 | be32(p + 4);
}

static uint64_t find(const struct index *x, const uint8_t *name)
{
	uint32_t low = name[0] ? be32(x->fanout + (name[0] - 1) * 4) : 0, high = be32(x->fanout + name[0] * 4);
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = memcmp(x->names + (uint64_t)middle * NAME, name, NAME);
		if (!order)
			return offset_of(x, middle);
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	fail("a delta's base is not in the pack");
	return 0;
}

/* header reads the type and size of the object at an offset, and where its bytes or its delta's begin; base is a delta's. */
static int header(const struct index *x, struct file pack, uint64_t at, uint64_t *size, uint64_t *begin, uint64_t *base)
{
	const uint8_t *p = pack.data + at, *end = pack.data + pack.size - NAME;
	if (at + 2 + NAME > pack.size)
		fail("an offset beyond the pack");
	int type = *p >> 4 & 7, shift = 4;
	*size = *p & 15;
	while (*p++ & 0x80) {
		if (p >= end || shift > 57)
			fail("an odd header");
		*size |= (uint64_t)(*p & 127) << shift;
		shift += 7;
	}
	if (type == REF_DELTA) {
		if (end - p < NAME)
			fail("a delta without a base");
		*base = find(x, p);
		p += NAME;
	} else if (type == OFS_DELTA) {
		uint64_t back = *p & 127;
		while (*p++ & 0x80)
			back = (back + 1) << 7 | (*p & 127);
		if (back > at)
			fail("a delta before the pack");
		*base = at - back;
	}
	*begin = p - pack.data;
	return type;
}

static int by_offset(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static int list(const char *plan, struct file idx, struct file pack)
{
	struct index x = read_index(idx);
	uint64_t *offsets = malloc(((uint64_t)x.count + 1) * sizeof *offsets);
	FILE *out = fopen(plan, "wb");
	if (!out || !offsets)
		fail("cannot write the plan");
	for (uint32_t i = 0; i < x.count; i++)
		offsets[i] = offset_of(&x, i);
	offsets[x.count] = pack.size - NAME;
	qsort(offsets, x.count, sizeof *offsets, by_offset);
	for (uint32_t i = 0; i < x.count; i++) {
		uint64_t size, begin, base, ignored, at = offsets[i];
		int type = header(&x, pack, at, &size, &begin, &base);
		while (type == OFS_DELTA || type == REF_DELTA)
			type = header(&x, pack, base, &ignored, &ignored, &base);
		if (type != COMMIT)
			continue;
		if (size > UINT32_MAX || offsets[i + 1] - begin > UINT32_MAX)
			fail("a commit of 4 GiB");
		struct place place = { begin, offsets[i + 1] - begin, size };
		fwrite(&place, sizeof place, 1, out);
	}
	return fclose(out) ? (perror(plan), 1) : 0;
}

struct work {
	struct file pack;
	const struct place *places;
	size_t count;
	atomic_size_t next, bytes;
};

static void *inflate_runs(void *arg)
{
	struct work *w = arg;
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	size_t room = 1 << 16, bytes = 0;
	uint8_t *buffer = malloc(room);
	for (size_t i; (i = atomic_fetch_add(&w->next, RUN)) < w->count;)
		for (size_t end = i + RUN < w->count ? i + RUN : w->count; i < end; i++) {
			const struct place *p = &w->places[i];
			if (p->size > room)
				buffer = realloc(buffer, room = p->size);
			if (!buffer || libdeflate_zlib_decompress(d, w->pack.data + p->at, p->most, buffer, p->size, NULL))
				fail("a commit cannot be inflated");
			bytes += p->size;
		}
	atomic_fetch_add(&w->bytes, bytes);
	free(buffer);
	libdeflate_free_decompressor(d);
	return NULL;
}

static int run(int threads, const char *out, int argc, char **argv)
{
	size_t commits = 0, bytes = 0;
	pthread_t *ids = calloc(threads, sizeof *ids);
	for (int i = 0; i + 1 < argc; i += 2) {
		struct file plan = map(argv[i]);
		struct work w = { .pack = map(argv[i + 1]), .places = (const void *)plan.data, .count = plan.size / sizeof(struct place) };
		for (int t = 0; t < threads; t++)
			pthread_create(&ids[t], NULL, inflate_runs, &w);
		for (int t = 0; t < threads; t++)
			pthread_join(ids[t], NULL);
		commits += w.count;
		bytes += w.bytes;
	}
	FILE *f = fopen(out, "w");
	if (!f || fprintf(f, "%zu\n%zu\n", commits, bytes) < 0 || fclose(f)) {
		perror(out);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "list"))
		return list(argv[2], map(argv[3]), map(argv[4]));
	if (argc >= 6 && !strcmp(argv[1], "run") && atoi(argv[2]) > 0)
		return run(atoi(argv[2]), argv[3], argc - 4, argv + 4);
	fprintf(stderr, "usage: inflate list PLAN IDX PACK | inflate run THREADS OUT (PLAN PACK)...\n");
	return 2;
}
