package mirror

/*
#cgo pkg-config: libgit2
#include <git2.h>

// git2go has no call for these two options, and cgo none for variadic functions.
static int disable_owner_validation(void) {
	return git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
}
static int accept_extensions(void) {
	const char *names[] = {"partialclone", "worktreeconfig", "preciousobjects", "relativeworktrees"};
	return git_libgit2_opts(GIT_OPT_SET_EXTENSIONS, names, sizeof(names) / sizeof(names[0]));
}
*/
import "C"

import (
	"errors"
	"fmt"
	"sync"

	git "github.com/libgit2/git2go/v34"
)

// Version is that of the libgit2 in use, as "1.5.1".
func Version() string {
	var major, minor, patch C.int
	C.git_libgit2_version(&major, &minor, &patch)
	return fmt.Sprintf("%d.%d.%d", major, minor, patch)
}

// setUp sets libgit2's options, which belong to the process. Every constructor calls it.
//
//   - No configuration outside of repositories is read: neither /etc/gitconfig nor $HOME can change what is indexed.
//   - The owner of a repository is not compared with the user of this process here: owner.go does so, by roots that come with
//     each source instead of the process's safe.directory (git-config(1)), and for alternates too.
//   - Extensions that do not matter to a reader of commits are accepted; SHA-256 and reftable are not among them.
//   - Objects are neither cached nor hashed again when read: a walk reads each once, and a pack's own checksums find damage.
//     Either would make a walk a fifth slower (BenchmarkWalk). What comes from the network is still hashed, by the pack indexer.
//   - Packs are synced to disk before they are used.
var setUp = sync.OnceValue(func() error {
	var errs []error
	for _, level := range []git.ConfigLevel{
		git.ConfigLevelProgramdata, git.ConfigLevelSystem, git.ConfigLevelXDG, git.ConfigLevelGlobal,
	} {
		errs = append(errs, git.SetSearchPath(level, "/nonexistent"))
	}
	errs = append(errs,
		git.EnableCaching(false),
		git.EnableStrictHashVerification(false),
		git.EnableFsyncGitDir(true),
	)
	if code := C.disable_owner_validation(); code < 0 {
		errs = append(errs, git.MakeGitError2(int(code)))
	}
	if code := C.accept_extensions(); code < 0 {
		errs = append(errs, git.MakeGitError2(int(code)))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("set up libgit2 %s: %w", Version(), err)
	}
	return nil
})
