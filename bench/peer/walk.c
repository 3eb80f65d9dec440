/*
 * walk REPO THREADS OUT
 *
 * libgit2's own way to read a history: a revision walk from every ref, and a lookup of each commit for its message. With
 * more than one thread the walk comes first, and then each thread looks up its share through a handle of its own. It
 * writes the number of commits to the file OUT, and the bytes of their messages.
 */
#include <git2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(int code, const char *what)
{
	if (code >= 0)
		return;
	const git_error *e = git_error_last();
	fprintf(stderr, "%s: %s\n", what, e ? e->message : "unknown error");
	exit(1);
}

struct share {
	const char *path;
	const git_oid *ids;
	size_t from, to;
	size_t bytes;
	pthread_t thread;
};

static size_t lookup(git_repository *repo, const git_oid *id)
{
	git_commit *commit;
	must(git_commit_lookup(&commit, repo, id), "lookup");
	size_t bytes = strlen(git_commit_message_raw(commit));
	git_commit_free(commit);
	return bytes;
}

static void *look_up_share(void *arg)
{
	struct share *s = arg;
	git_repository *repo;
	must(git_repository_open_bare(&repo, s->path), "repository");
	for (size_t i = s->from; i < s->to; i++)
		s->bytes += lookup(repo, &s->ids[i]);
	git_repository_free(repo);
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc == 4 ? atoi(argv[2]) : 0;
	if (threads < 1) {
		fprintf(stderr, "usage: walk REPO THREADS OUT\n");
		return 2;
	}
	git_libgit2_init();
	/* Nobody's configuration plays a part. */
	for (int level = GIT_CONFIG_LEVEL_PROGRAMDATA; level <= GIT_CONFIG_LEVEL_GLOBAL; level++)
		must(git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, ""), "search path");

	git_repository *repo;
	git_revwalk *walk;
	must(git_repository_open_bare(&repo, argv[1]), "repository");
	must(git_revwalk_new(&walk, repo), "walk");
	must(git_revwalk_push_glob(walk, "*"), "refs");

	size_t commits = 0, bytes = 0, room = 0;
	git_oid id, *ids = NULL;
	for (int code; (code = git_revwalk_next(&id, walk)) != GIT_ITEROVER; commits++) {
		must(code, "walk");
		if (threads == 1) {
			bytes += lookup(repo, &id);
			continue;
		}
		if (commits == room) {
			room = room ? 2 * room : 1024;
			if (!(ids = realloc(ids, room * sizeof *ids))) {
				perror("memory");
				return 1;
			}
		}
		ids[commits] = id;
	}
	git_revwalk_free(walk);

	if (threads > 1) {
		struct share *shares = calloc(threads, sizeof *shares);
		for (int i = 0; i < threads; i++) {
			shares[i] = (struct share){ argv[1], ids, commits * i / threads, commits * (i + 1) / threads };
			pthread_create(&shares[i].thread, NULL, look_up_share, &shares[i]);
		}
		for (int i = 0; i < threads; i++) {
			pthread_join(shares[i].thread, NULL);
			bytes += shares[i].bytes;
		}
	}
	FILE *out = fopen(argv[3], "w");
	if (!out || fprintf(out, "%zu\n%zu\n", commits, bytes) < 0 || fclose(out)) {
		perror(argv[3]);
		return 1;
	}
	return 0;
}
