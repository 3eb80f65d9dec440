package mirror

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keytrail/indexer/mirror/gittest"
)

// stranger makes the source believe that it runs as somebody who owns nothing.
func stranger(t *testing.T, path string, roots ...string) *Local {
	t.Helper()
	l, err := OpenLocal(path, chosen(t), Options{Roots: roots})
	if err != nil {
		t.Fatal(err)
	}
	l.trust.uid = os.Geteuid() + 1
	return l
}

func TestARepositoryOfAnotherUserIsReadOnlyBelowARoot(t *testing.T) {
	repo := gittest.Init(t)
	tip := repo.Commit("ABC-1")
	dir := filepath.Dir(repo.Path)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	inLink := filepath.Join(link, filepath.Base(repo.Path))
	tests := []struct {
		path  string
		roots []string
		ok    bool
	}{
		{repo.Path, nil, false},
		{repo.Path, []string{filepath.Dir(dir) + "-not", filepath.Join(dir, "missing")}, false},
		{repo.Path, []string{repo.Path}, true},
		{repo.Path, []string{"/srv/git", dir + "/"}, true},
		{repo.Path, []string{link}, true},
		{inLink, nil, false},
		{inLink, []string{filepath.Dir(link)}, false}, // the link leads out of the root
		{inLink, []string{dir}, true},
	}
	for _, test := range tests {
		l := stranger(t, test.path, test.roots...)
		look, err := l.Look(t.Context(), Digest{})
		if test.ok {
			if err != nil || len(look.Refs) != 1 || look.Refs[0].OID != tip {
				t.Errorf("%s below %v: %+v, %v", test.path, test.roots, look, err)
			}
			continue
		}
		if !errors.Is(err, ErrOwner) || !strings.Contains(err.Error(), "local.roots") || !strings.Contains(err.Error(), "--trust") {
			t.Errorf("%s below %v: %v", test.path, test.roots, err)
		}
		if _, err := l.Fetch(t.Context(), nil, []Ref{{Name: "refs/heads/main", OID: tip}}, nil); !errors.Is(err, ErrOwner) {
			t.Errorf("Fetch: %v", err)
		}
		if err := walkError(t.Context(), l, tip); !errors.Is(err, ErrOwner) {
			t.Errorf("Walk: %v", err)
		}
		if _, _, err := l.Notes(t.Context(), "refs/notes/commits", tip, tip); !errors.Is(err, ErrOwner) {
			t.Errorf("Notes: %v", err)
		}
	}
}

func TestObjectsBorrowedFromAnotherUserAreReadOnlyBelowARoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a directory to another user")
	}
	lender := gittest.Init(t)
	lender.Commit("ABC-1")
	borrower := gittest.Init(t)
	middle := gittest.Init(t)
	write := func(repo *gittest.Repo, lines string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(repo.Path, "objects", "info", "alternates"), []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	objects := filepath.Join(lender.Path, "objects")
	relative, err := filepath.Rel(filepath.Join(borrower.Path, "objects"), objects)
	if err != nil {
		t.Fatal(err)
	}
	write(middle, objects+"\n")
	if err := os.Chown(objects, 12345, -1); err != nil {
		t.Fatal(err)
	}
	for _, lines := range []string{objects + "\n", "# lent\n\n" + objects, relative + "\r\n", filepath.Join(middle.Path, "objects")} {
		write(borrower, lines)
		look := func(roots ...string) error {
			l, err := OpenLocal(borrower.Path, chosen(t), Options{Roots: roots})
			if err != nil {
				t.Fatal(err)
			}
			_, err = l.Look(t.Context(), Digest{})
			return err
		}
		if err := look(borrower.Path); !errors.Is(err, ErrOwner) || !strings.Contains(err.Error(), "user 12345") {
			t.Errorf("%q: %v", lines, err)
		}
		if err := look(lender.Path); err != nil {
			t.Errorf("%q below a root: %v", lines, err)
		}
	}
	write(borrower, "/nowhere/objects\n")
	l, err := OpenLocal(borrower.Path, chosen(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Look(t.Context(), Digest{}); err != nil {
		t.Errorf("alternates that are not there: %v", err)
	}
	write(borrower, filepath.Join(borrower.Path, "objects")+"\n")
	if _, err := l.Look(t.Context(), Digest{}); err != nil {
		t.Errorf("alternates in a circle: %v", err)
	}
}
