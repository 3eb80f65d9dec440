package wire

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// heldLines are refs that a caller holds, as lines.
type heldLines []string

func (h *heldLines) Next() []byte {
	if len(*h) == 0 {
		return nil
	}
	line := (*h)[0]
	*h = (*h)[1:]
	return []byte(line)
}

// heldOf gives refs in the order of their names.
func heldOf(refs map[string]storage.OID) *heldLines {
	var h heldLines
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		h = append(h, refs[name].String()+" "+name)
	}
	return &h
}

// TestADifferenceWithWhatIsHeldGivesTheWholeList compares random lists with random others, some of whose names begin others.
func TestADifferenceWithWhatIsHeldGivesTheWholeList(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	some := func() map[string]storage.OID {
		refs := map[string]storage.OID{}
		for range random.IntN(12) {
			refs["refs/heads/"+strings.Repeat("a/", random.IntN(3))+fmt.Sprint(random.IntN(12))] = storage.OID{byte(random.IntN(3))}
		}
		return refs
	}
	for range 500 {
		held, server := some(), some()
		lines := []string{oidA + " HEAD symref-target:refs/heads/1\n"}
		for _, name := range slices.Sorted(maps.Keys(server)) {
			line := server[name].String() + " " + name
			if random.IntN(4) == 0 {
				line += " peeled:" + oidA
			}
			lines = append(lines, line+"\n")
		}
		list := newRefList(newPrefixSet(nil), 100)
		isSorted, err := readDifference(packets(append(lines, "0000")...), heldOf(held), list)
		if !isSorted || err != nil || !list.adv.IsDifference || list.adv.Head != "refs/heads/1" {
			t.Fatalf("%q: %v, %v, %+v", lines, isSorted, err, list.adv)
		}
		made := maps.Clone(held)
		for _, name := range list.adv.Gone {
			delete(made, name)
		}
		same := len(made)
		for _, r := range list.adv.Refs {
			if oid, isHeld := made[r.Name]; isHeld && oid == r.OID {
				t.Errorf("%s is held as it is, and told again", r.Name)
			} else if isHeld {
				same--
			}
			made[r.Name] = r.OID
		}
		if !maps.Equal(made, server) || same != list.adv.Same {
			t.Fatalf("of %v and %v comes %v, with %d the same", held, server, made, list.adv.Same)
		}
	}
}

func TestAListThatIsNotSortedIsNotCompared(t *testing.T) {
	t.Parallel()
	a, b := oidA+" refs/heads/a\n", oidA+" refs/heads/b\n"
	for _, held := range []heldLines{nil, {oidA + " refs/heads/a"}, {oidA + " refs/heads/b"}, {oidA + " refs/heads/a", oidA + " refs/heads/b"}} {
		for _, lines := range [][]string{{b, a}, {a, a}, {a, b, a}, {a, b, b}} {
			h := slices.Clone(held)
			isSorted, err := readDifference(packets(append(lines, "0000")...), &h, newRefList(newPrefixSet(nil), 100))
			if isSorted || err != nil {
				t.Errorf("%q beside %q: %v, %v", lines, held, isSorted, err)
			}
		}
	}
}

func TestAComparedListIsCheckedAsAnyOther(t *testing.T) {
	t.Parallel()
	a := oidA + " refs/heads/a\n"
	for name, test := range map[string]struct {
		answer []byte
		want   error
	}{
		"the server's own error": {packets("ERR access denied\n"), ErrAuth},
		"too many refs":          {packets(a, oidA+" refs/heads/b\n", oidA+" refs/heads/c\n", "0000"), ErrTooLarge},
		"too many refs held":     {packets(oidA+" refs/heads/held1\n", oidA+" refs/heads/held2\n", oidA+" refs/heads/x\n", "0000"), ErrTooLarge},
		"a longer object id":     {packets(oidA+oidA[:24]+" refs/heads/a\n", "0000"), ErrObjectFormat},
		"a marker":               {packets(a, "0001"), ErrProtocol},
		"no ref":                 {packets("refs/heads/a\n", "0000"), ErrProtocol},
	} {
		held := heldLines{oidA + " refs/heads/held1", oidA + " refs/heads/held2"}
		_, err := readDifference(test.answer, &held, newRefList(newPrefixSet(nil), 2))
		if !errors.Is(err, test.want) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	list := newRefList(newPrefixSet([]string{"refs/heads/"}), 9)
	if _, err := readDifference(packets(oidA+" refs/heads/\x01\n", a, oidA+" refs/pull/1\n", "0000"), &heldLines{}, list); err != nil {
		t.Error(err)
	}
	if len(list.refused) != 1 || len(list.adv.Refs) != 1 || list.adv.Refs[0].Name != "refs/heads/a" {
		t.Errorf("refused are %q, refs %v", list.refused, list.adv.Refs)
	}
}

func TestACallerThatHoldsRefsIsToldTheOthersAndCanAskForAll(t *testing.T) {
	t.Parallel()
	for name, carrier := range carriers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repo := gittest.Init(t)
			repo.Commit("ABC-1")
			repo.Git("branch", "topic")
			repo.Git("tag", "-a", "-m", "one", "v1")
			c := carrier.serve(t, repo)
			all := list(t, c)
			held := repo.Refs()
			held["refs/heads/gone"] = held["refs/heads/main"]
			delete(held, "refs/heads/topic")
			a, err := c.ListRefsSince(t.Context(), nil, Since{Held: func() Held { return heldOf(held) }})
			if err != nil {
				t.Fatal(err)
			}
			if !a.IsDifference {
				if a.Version == 2 {
					t.Fatal("a server of version 2 is not compared with")
				}
				return
			}
			if len(a.Refs) != 1 || a.Refs[0].Name != "refs/heads/topic" || !slices.Equal(a.Gone, []string{"refs/heads/gone"}) || a.Same != 2 {
				t.Errorf("the difference is %+v", a)
			}
			whole, err := a.Whole()
			if err != nil || !slices.Equal(whole.Refs, all.Refs) || whole.Head != all.Head || whole.Digest != a.Digest {
				t.Errorf("the whole is %+v, %v", whole, err)
			}
		})
	}
}
