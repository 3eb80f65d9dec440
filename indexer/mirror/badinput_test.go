package mirror

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/indexer/mirror/wire"
	"keytrail/storage"
)

// withSHA256 makes a repository with a commit whose objects have SHA-256 names.
func withSHA256(t *testing.T) *gittest.Repo {
	t.Helper()
	repo := gittest.Init(t, "--object-format=sha256")
	commit := repo.Feed("AB-1", "commit-tree", repo.Feed("", "mktree"))
	repo.Git("update-ref", "refs/heads/main", commit)
	return repo
}

func TestAPathThatIsNoRepositoryIsNamedWithTheWayOut(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	writeFile(t, at("file"), "text")
	writeFile(t, at("worktree.git"), "gitdir: elsewhere\n")
	for _, d := range []string{"empty", "half", "badlink", "lostlink"} {
		if err := os.Mkdir(at(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, at("half/HEAD"), "ref: refs/heads/main\n")
	writeFile(t, at("badlink/.git"), "nothing of use\n")
	writeFile(t, at("lostlink/.git"), "gitdir: ../gone\n")
	for name, wayOut := range map[string]string{
		"missing":  "correct the path",
		"file":     "is a file",
		"empty":    "name the directory that holds .git",
		"half":     "has no objects",
		"badlink":  "does not name a git directory",
		"lostlink": "has no HEAD",
	} {
		l := openLocal(t, at(name))
		_, err := l.Look(t.Context(), Digest{})
		wantError(t, err, ErrNotRepository, at(name), wayOut)
		_, err = l.Fetch(t.Context(), nil, nil, nil)
		wantError(t, err, ErrNotRepository, at(name))
		wantError(t, walkError(t.Context(), l, storage.OID{1}), ErrNotRepository, at(name))
		_, _, err = l.Notes(t.Context(), "refs/notes/commits", storage.OID{}, storage.OID{1})
		wantError(t, err, ErrNotRepository, at(name))
	}
	if _, err := openLocal(t, at("missing")).Look(t.Context(), Digest{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("that it is missing cannot be told from the error: %v", err)
	}
}

func TestARepositoryWithSHA256NamesIsRefused(t *testing.T) {
	repo := withSHA256(t)
	_, err := openLocal(t, repo.Path).Look(t.Context(), Digest{})
	wantError(t, err, ErrObjectFormat, repo.Path, "only SHA-1", "take it out of the selection")
	for _, protocol := range []string{"", "none"} {
		url := gittest.Serve(t, repo, gittest.Options{Protocol: protocol})
		_, err = openRemote(t, url, RemoteOptions{}).Look(t.Context(), Digest{})
		wantError(t, err, wire.ErrObjectFormat, url)
	}
}

func TestARepositoryWithoutCommitsIsAnEmptyLook(t *testing.T) {
	repo := gittest.Init(t)
	for _, s := range []source{openLocal(t, repo.Path), openRemote(t, gittest.Serve(t, repo, gittest.Options{}), RemoteOptions{})} {
		now, fetched := update(t, s, nil)
		if len(now.Refs)+len(now.Refused)+len(fetched.Refs) != 0 || now.Head != "refs/heads/main" {
			t.Errorf("%T: the look is %+v", s, now)
		}
		if commits := walked(t, s, nil, nil); len(commits) != 0 {
			t.Errorf("%T: %d commits", s, len(commits))
		}
		if err := errors.Join(s.Discard(), s.Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestADamagedPackFailsItsRepositoryOnly(t *testing.T) {
	bad, good := gittest.Init(t), gittest.Init(t)
	tip := bad.Commits("refs/heads/main", "AB-1", 200)
	bad.Git("repack", "-adq")
	other := good.Commits("refs/heads/main", "AB-1", 20)
	bendPacks(t, bad.Path)
	wantError(t, walkError(t.Context(), openLocal(t, bad.Path), tip), ErrCorrupt, bad.Path, "object ")
	if n := len(walked(t, openLocal(t, good.Path), []storage.OID{other}, nil)); n != 20 {
		t.Errorf("the other repository has %d commits", n)
	}
}

func TestAMissingObjectIsNamed(t *testing.T) {
	repo := gittest.Init(t)
	first := repo.Commit("AB-1")
	second := repo.Commit("AB-2")
	loose := func(oid storage.OID) string {
		return filepath.Join(repo.Path, "objects", oid.String()[:2], oid.String()[2:])
	}
	if err := os.Remove(loose(first)); err != nil {
		t.Fatal(err)
	}
	l := openLocal(t, repo.Path)
	wantError(t, walkError(t.Context(), l, second), ErrCorrupt, repo.Path, first.String(), "is missing")
	if err := os.Remove(loose(second)); err != nil {
		t.Fatal(err)
	}
	now := look(t, l)
	_, err := l.Fetch(t.Context(), now, now.Refs, nil)
	wantError(t, err, ErrCorrupt, repo.Path, second.String(), `"refs/heads/main"`, "git fsck")
}

func TestATreeWhereACommitBelongsIsDamage(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("AB-1")
	tree := repo.OID("HEAD^{tree}")
	wantError(t, walkError(t.Context(), openLocal(t, repo.Path), tree), ErrCorrupt, tree.String(), "is a tree")
	broken := hash(t, repo, "no commit at all")
	wantError(t, walkError(t.Context(), openLocal(t, repo.Path), broken), ErrCorrupt, broken.String(), "does not begin as a commit does")
}

func TestRefsToWhatIsNoCommitHaveNone(t *testing.T) {
	repo := gittest.Init(t)
	main := repo.Commit("AB-1")
	repo.Git("update-ref", "refs/tags/tree", repo.Git("rev-parse", "HEAD^{tree}"))
	repo.Git("update-ref", "refs/tags/blob", repo.Git("rev-parse", "HEAD:file"))
	repo.Git("tag", "-a", "-m", "t", "tag-of-tree", "HEAD^{tree}")
	repo.Git("tag", "-a", "-m", "t", "tag", "HEAD")
	repo.Git("tag", "-a", "-m", "t", "tag-of-tag", "tag")
	url := gittest.Serve(t, repo, gittest.Options{})
	for name, s := range map[string]source{
		"in place": openLocal(t, repo.Path), "over http": openRemote(t, url, RemoteOptions{}), "over http, whole": openRemote(t, url, RemoteOptions{IsFull: true}),
	} {
		_, fetched := update(t, s, nil)
		for ref, want := range map[string]storage.OID{
			"refs/heads/main": main, "refs/tags/tag": main, "refs/tags/tag-of-tag": main,
			"refs/tags/tree": {}, "refs/tags/blob": {}, "refs/tags/tag-of-tree": {},
		} {
			if got := find(t, fetched.Refs, ref); got.Commit != want || got.OID != repo.OID(ref) {
				t.Errorf("%s: %s is %+v", name, ref, got)
			}
		}
		for _, ref := range fetched.Unavailable {
			if ref != "refs/tags/tree" && ref != "refs/tags/blob" {
				t.Errorf("%s: %s is unavailable", name, ref)
			}
		}
		if n := len(walked(t, s, tips(fetched.Refs), nil)); n != 1 {
			t.Errorf("%s: %d commits", name, n)
		}
	}
}

func TestOddNamesAreRefsAndUnstorableOnesAreRefused(t *testing.T) {
	repo := gittest.Init(t)
	oid := repo.Commit("AB-1")
	odd := []string{"refs/heads/größe", "refs/heads/🎉", "refs/heads/@", "refs/heads/a@b", "refs/heads/日本/語", "refs/heads/-x", "refs/heads/it's", `refs/heads/"q"`,
		"refs/heads/" + strings.Repeat("long/", 100) + "name", "refs/tags/AB-1,2;%00"}
	latin := "refs/heads/gr\xf6\xdfe"
	for _, name := range append(odd, latin) {
		repo.Git("update-ref", name, oid.String())
	}
	check := func(when string) {
		for _, s := range []source{openLocal(t, repo.Path), openRemote(t, gittest.Serve(t, repo, gittest.Options{}), RemoteOptions{})} {
			now, fetched := update(t, s, nil)
			for _, name := range odd {
				if find(t, fetched.Refs, name).Commit != oid {
					t.Errorf("%s, %T: %s has no commit", when, s, name)
				}
			}
			if len(now.Refs) != len(odd)+1 {
				t.Errorf("%s, %T: refs are %q", when, s, names(now.Refs))
			}
			if len(now.Refused) != 1 || now.Refused[0].Name != latin || !strings.Contains(now.Refused[0].Reason, "rename it") {
				t.Errorf("%s, %T: refused are %q", when, s, now.Refused)
			}
		}
	}
	check("loose")
	repo.Git("pack-refs", "--all")
	check("packed")
}

func TestABrokenRefIsRefusedAndTheOthersGoOn(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("AB-1")
	repo.CommitTo("refs/heads/broken", "AB-2")
	repo.Git("pack-refs", "--all")
	writeFile(t, filepath.Join(repo.Path, "refs/heads/broken"), "not an object id\n")
	writeFile(t, filepath.Join(repo.Path, "refs/heads/empty"), "")
	writeFile(t, filepath.Join(repo.Path, "refs/heads/main.lock"), "in the way")
	now := look(t, openLocal(t, repo.Path))
	if got := names(now.Refs); len(got) != 1 || got[0] != "refs/heads/main" {
		t.Errorf("refs are %q", got)
	}
	if len(now.Refused) != 2 || now.Refused[0].Name != "refs/heads/broken" || now.Refused[1].Name != "refs/heads/empty" {
		t.Errorf("refused are %q", now.Refused)
	}
}

func TestADamagedPackedRefsFileIsSaid(t *testing.T) {
	for name, content := range map[string]string{
		"garbage": "garbage\n", "short oid": "4b825dc refs/heads/x\n", "peeled nothing": "^4b825dc642cb6eb9a060e54bf8d69288fbee4904\n", "no name": "4b825dc642cb6eb9a060e54bf8d69288fbee4904 \n",
		"bad hex": "zz825dc642cb6eb9a060e54bf8d69288fbee4904 refs/heads/x\n", "one endless line": strings.Repeat("x", 2<<20),
	} {
		repo := gittest.Init(t)
		writeFile(t, filepath.Join(repo.Path, "packed-refs"), content)
		_, err := openLocal(t, repo.Path).Look(t.Context(), Digest{})
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error is %v", name, err)
			continue
		}
		wantError(t, err, ErrCorrupt, repo.Path, "packed-refs")
	}
}

func TestARemoteThatCannotBeReadIsOneClearError(t *testing.T) {
	repo := gittest.Init(t)
	repo.Commit("AB-1")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String() + "/repo.git"
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	guarded := gittest.Serve(t, repo, gittest.Options{User: "ada", Password: "right-secret"})
	asBob := strings.Replace(guarded, "://", "://bob:wrong-secret@", 1)
	for _, v := range []struct {
		name, url, shown string
		kind             error
	}{
		{"unreachable", closed, closed, wire.ErrUnreachable},
		{"no such repository", gittest.Serve(t, repo, gittest.Options{}) + "x", "repo.gitx", wire.ErrNotFound},
		{"no credentials", guarded, guarded, wire.ErrAuth},
		{"wrong credentials", asBob, guarded, wire.ErrAuth},
	} {
		t.Run(v.name, func(t *testing.T) {
			r := openRemote(t, v.url, RemoteOptions{})
			_, err := r.Look(t.Context(), Digest{})
			wantError(t, err, v.kind, v.shown)
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error holds a password: %v", err)
			}
			if _, err := os.Stat(r.mirror.dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a failed look made a mirror: %v", err)
			}
		})
	}
	asAda := openRemote(t, strings.Replace(guarded, "://", "://ada:right-secret@", 1), RemoteOptions{})
	if now, _ := update(t, asAda, nil); len(now.Refs) != 1 {
		t.Errorf("with the right credentials refs are %q", names(now.Refs))
	}
}

func TestLocalPathsAreToldFromURLs(t *testing.T) {
	for place, want := range map[string]string{
		"/srv/a.git": "/srv/a.git", "file:///srv/a.git": "/srv/a.git", "a.git": "a.git", "./x:y": "./x:y", "/x:y": "/x:y",
		"https://git.example.com/a.git": "", "ssh://git.example.com/a": "", "git@git.example.com:a.git": "", "host:a.git": "",
	} {
		if path, ok := LocalPath(place); ok != (want != "") || ok && path != want {
			t.Errorf("LocalPath(%q) is %q, %v", place, path, ok)
		}
	}
}

// TestALooseObjectThatIsCutShortIsDamage cuts the file of a commit: libgit2 would wait for the rest of it for ever.
func TestALooseObjectThatIsCutShortIsDamage(t *testing.T) {
	for _, cut := range []string{"main~1", "main"} {
		repo := gittest.Init(t)
		repo.Commit("AB-1")
		tip := repo.Commit("AB-2")
		oid := repo.OID(cut).String()
		file := filepath.Join(repo.Path, "objects", oid[:2], oid[2:])
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
		writeFile(t, file, string(content[:30]))
		wantError(t, walkError(t.Context(), openLocal(t, repo.Path), tip), ErrCorrupt, oid)
	}
}
