package storagetest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"keytrail/storage"
)

// lookupPromises are about commits that are found by what their object ids begin with, and the refs that reach them.
func lookupPromises() []promise {
	return []promise{
		{"the beginning of an object id finds the commits that begin so, each once", abbreviated},
		{"no more commits are found than wanted", abbreviatedLimit},
		{"among very many commits the beginning of each finds it", abbreviatedMany},
		{"what cannot begin an object id is refused", abbreviatedRefused},
		{"every ref that reaches a commit is told, whatever its kind", containingRefs},
		{"of a commit that a repository does not have no ref is told", containingNothing},
	}
}

// begun gives the names of the commits that begin with some letters, or with these and a half of the next.
func (f *fixture) begun(letters string, isAndHalf bool, limit int) string {
	f.Helper()
	digits := hex.EncodeToString([]byte(letters))
	if isAndHalf {
		digits = digits[:len(digits)-1]
	}
	found, err := f.store.Abbreviated(f.ctx, digits, limit)
	f.must(err)
	var names []string
	for _, o := range found {
		names = append(names, nameOf(o))
	}
	return strings.Join(names, " ")
}

func abbreviated(f *fixture) {
	f.register(3)
	f.push(1, "aaaaa1 aaaaa2<aaaaa1 aaaab<aaaaa2 baaaa<aaaab", "heads/main=baaaa")
	f.push(2, "aaaaa2 aaaap<aaaaa2", "heads/main=aaaap")
	for _, c := range []struct {
		letters   string
		isAndHalf bool
		want      string
	}{
		{"aaaaa", false, "aaaaa1 aaaaa2"},
		{"aaaaa", true, "aaaaa1 aaaaa2 aaaab"}, // a and b begin with the same four bits, p does not
		{"aaaa", true, "aaaaa1 aaaaa2 aaaab aaaap"},
		{"aaaaa1", false, "aaaaa1"},
		{"aaaap", true, "aaaap"},
		{"zaaaa", false, ""},
		{"aaaaa12", false, ""},
	} {
		f.equal(fmt.Sprintf("what begins with %q", c.letters), c.want, f.begun(c.letters, c.isAndHalf, 10))
	}
	whole := oid("aaaaa2").String()
	for _, digits := range []string{whole, strings.ToUpper(whole), whole[:39]} {
		found, err := f.store.Abbreviated(f.ctx, digits, 10)
		f.must(err)
		f.equal(digits, []storage.OID{oid("aaaaa2")}, found)
	}
	f.push(1, "", "heads/main=")
	f.equal("when they are gone from one repository", "aaaaa2 aaaap", f.begun("aaaa", true, 10))
}

func abbreviatedLimit(f *fixture) {
	f.register(2)
	f.push(1, "aaaaa1 aaaaa2<aaaaa1 aaaaa3<aaaaa2", "heads/main=aaaaa3")
	f.push(2, "aaaaa1 aaaaa2<aaaaa1 aaaaa4<aaaaa2", "heads/main=aaaaa4")
	for limit := range 6 {
		found := strings.Fields(f.begun("aaaaa", false, limit))
		if len(found) != min(limit, 4) || !slices.IsSorted(found) || len(slices.Compact(slices.Clone(found))) != len(found) {
			f.Errorf("limit %d: %v", limit, found)
		}
	}
}

func abbreviatedMany(f *fixture) {
	f.register(1)
	f.longHistory(3000)
	members := all(f, f.store.Members(f.ctx, 1))
	byStart := map[string][]storage.OID{}
	for _, m := range members {
		start := m.OID.String()[:storage.MinDigits]
		byStart[start] = append(byStart[start], m.OID)
	}
	for start, want := range byStart {
		slices.SortFunc(want, storage.OID.Compare)
		found, err := f.store.Abbreviated(f.ctx, start, len(members))
		f.must(err)
		f.equal(start, want, found)
	}
}

func abbreviatedRefused(f *fixture) {
	for _, digits := range []string{"", "616161", "616161g", strings.Repeat("6", 41), "６１６１６１６"} {
		if found, err := f.store.Abbreviated(f.ctx, digits, 10); err == nil {
			f.Errorf("%q found %v", digits, found)
		}
	}
}

// refsOf gives the refs that reach a commit, without "refs/".
func (f *fixture) refsOf(id storage.RepositoryID, name string) string {
	f.Helper()
	var refs []string
	for _, t := range all(f, f.store.Containing(f.ctx, id, oid(name))) {
		f.equal("the tip "+t.Ref, f.tips(id)[t.Ref], t)
		refs = append(refs, strings.TrimPrefix(t.Ref, "refs/"))
	}
	return strings.Join(refs, " ")
}

func containingRefs(f *fixture) {
	f.register(2)
	f.push(1, "a b<a c<b d<a", "heads/main=c", "heads/side=d", "tags/v1=x>b", "tags/odd=y>", "pull/7/head=d", "changes/01/1/1=b")
	f.push(2, "a", "heads/other=a")
	for name, want := range map[string]string{
		"a": "changes/01/1/1 heads/main heads/side pull/7/head tags/v1",
		"b": "changes/01/1/1 heads/main tags/v1",
		"c": "heads/main",
		"d": "heads/side pull/7/head",
	} {
		f.equal("refs that reach "+name, want, f.refsOf(1, name))
	}
	f.equal("refs of another repository", "heads/other", f.refsOf(2, "a"))
	f.push(1, "", "heads/side=", "heads/main=b")
	f.equal("refs after a push", "pull/7/head", f.refsOf(1, "d"))
}

func containingNothing(f *fixture) {
	f.register(2)
	f.push(1, "a", "heads/main=a")
	for _, c := range []struct {
		id   storage.RepositoryID
		name string
	}{{1, "b"}, {2, "a"}, {3, "a"}} {
		_, err := collect(f.store.Containing(f.ctx, c.id, oid(c.name)))
		f.equal(fmt.Sprintf("%s in %d is not found", c.name, c.id), true, errors.Is(err, storage.ErrNotFound))
	}
}
