package mirror

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// words finds the words of a message that begin as keys of AB do.
func words(dst []storage.IssueKey, message string) []storage.IssueKey {
	for word := range strings.FieldsSeq(message) {
		if strings.HasPrefix(word, "AB-") {
			dst = append(dst, storage.IssueKey(word))
		}
	}
	return dst
}

// TestCommitsThatShareMemoryAreAsIfEachHadItsOwn decodes batches of commits by one parser, as a walk does, and looks at all of them in
// the end.
func TestCommitsThatShareMemoryAreAsIfEachHadItsOwn(t *testing.T) {
	tails := []string{
		"\nAB-1 and AB-2\n", "\nno key\n", "", "\n", "\nAB-1\x00AB-2", "\n" + latinText, "encoding windows-1251\n\n" + cyrillicText,
		"encoding Shift_JIS\n\n" + japaneseText, signed + "\nAB-7\n", "\n" + strings.Repeat("AB-9 a long one ", 3_000), "\nAB-1 AB-2 AB-3 AB-4 AB-5 AB-6\n",
	}
	people := []string{"Ada <ada@example.com>", "Ada <ada@example.com>", "Carl  <carl@example.com >", "J\xf6rg <j@example.com>", "Jörg <j@example.com>", "nobody", "<>"}
	var parser commitParser
	parser.find = words
	var got, want []storage.Commit
	for batch := range 20 {
		parser.arena.expect(batch*10_000, batch*10)
		for i := range 40 {
			n := batch*40 + i
			rest := fmt.Sprintf("author %s %d +0100\ncommitter %s %d +0100\n%s", people[n%7], n, people[n/3%7], n, tails[n%len(tails)])
			oid, parents := storage.OID{byte(n), byte(n >> 8)}, make([]storage.OID, n%4)
			names := ""
			for j := range parents {
				parents[j] = storage.OID{byte(j), byte(n)}
				names += "parent " + parents[j].String() + "\n"
			}
			var c storage.Commit
			parser.parse(&c, oid, parents, []byte(rest))
			clear(parents)
			alone, err := parseCommit(oid, []byte(treeLine+names+rest))
			if err != nil {
				t.Fatal(err)
			}
			alone.Keys = words(nil, alone.Message)
			got, want = append(got, c), append(want, alone)
		}
	}
	for i := range got {
		if !reflect.DeepEqual(want[i], got[i]) {
			t.Fatalf("commit %d (-alone +shared):\n%s", i, cmp.Diff(want[i], got[i]))
		}
		if _ = append(got[i].Parents, storage.OID{9}); len(got[i].Keys) > 0 {
			_ = append(got[i].Keys, "ZZ-1") // what is behind belongs to another commit
		}
	}
	if !reflect.DeepEqual(want, got) {
		t.Errorf("commits have parts of each other:\n%s", cmp.Diff(want, got))
	}
}

func TestWhatAWalkGaveStaysAsItWas(t *testing.T) {
	repo := gittest.Init(t)
	tip := repo.Commits("refs/heads/main", "AB-1 some work", 2000)
	repo.Git("repack", "-adq")
	var kept []storage.Commit
	for commits, err := range openLocal(t, repo.Path).Walk(t.Context(), []storage.OID{tip}, nil, words) {
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, commits...)
	}
	runtime.GC()
	o, err := openObjects(repo.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	for _, c := range kept {
		want, err := o.commit(c.OID)
		if err != nil {
			t.Fatal(err)
		}
		want.Keys = words(nil, want.Message)
		if !reflect.DeepEqual(want, c) {
			t.Fatalf("commit %s (-libgit2 +walk):\n%s", c.OID, cmp.Diff(want, c))
		}
	}
	if len(kept) != 2000 {
		t.Errorf("%d commits", len(kept))
	}
}

func TestACommitOfABatchCostsNoAllocation(t *testing.T) {
	rest := []byte("author Ada <ada@example.com> 1 +0000\ncommitter Carl <carl@example.com> 2 +0000\n\nAB-1 a message of some length\n")
	var parser commitParser
	parser.find = words
	parser.arena.expect(textBlock, commitBlock)
	parents := []storage.OID{{1}}
	var c storage.Commit
	if n := testing.AllocsPerRun(900, func() { parser.parse(&c, storage.OID{2}, parents, rest) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
