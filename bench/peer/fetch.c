/*
 * fetch DIR URL REFSPEC...
 *
 * libgit2's own fetch over its builtin http transport, into the bare repository DIR, which is made if missing. It takes
 * turns, as package fetcher does with keytrail: each line of standard input says how often to fetch, and then a line of
 * standard output tells the user and system time that this took, in microseconds.
 */
#include <git2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static void must(int code, const char *what)
{
	if (code >= 0)
		return;
	const git_error *e = git_error_last();
	fprintf(stderr, "%s: %s\n", what, e ? e->message : "unknown error");
	exit(1);
}

static void fetch(git_repository *repo, const char *url, const git_strarray *refspecs)
{
	git_remote *remote;
	git_fetch_options options = GIT_FETCH_OPTIONS_INIT;

	options.update_fetchhead = 0;
	options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE; /* the refspecs name them */
	must(git_remote_create_anonymous(&remote, repo, url), "remote");
	must(git_remote_fetch(remote, refspecs, &options, NULL), "fetch");
	git_remote_free(remote);
}

static long long microseconds(struct timeval t)
{
	return t.tv_sec * 1000000LL + t.tv_usec;
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: fetch DIR URL REFSPEC...\n");
		return 2;
	}
	git_libgit2_init();
	/* Nobody's configuration plays a part. */
	for (int level = GIT_CONFIG_LEVEL_PROGRAMDATA; level <= GIT_CONFIG_LEVEL_GLOBAL; level++)
		must(git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, ""), "search path");

	git_repository *repo;
	must(git_repository_init(&repo, argv[1], 1), "repository");
	git_strarray refspecs = { argv + 3, argc - 3 };
	for (int times; scanf("%d", &times) == 1;) {
		struct rusage before, after;
		getrusage(RUSAGE_SELF, &before);
		while (times-- > 0)
			fetch(repo, argv[2], &refspecs);
		getrusage(RUSAGE_SELF, &after);
		printf("%lld %lld\n", microseconds(after.ru_utime) - microseconds(before.ru_utime),
			microseconds(after.ru_stime) - microseconds(before.ru_stime));
		fflush(stdout);
	}
	return 0;
}
