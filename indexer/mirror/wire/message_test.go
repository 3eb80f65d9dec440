package wire

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"keytrail/indexer/mirror/gittest"
)

func TestAnAnswerThatIsKnownIsNotReadAgain(t *testing.T) {
	t.Parallel()
	for name, carrier := range carriers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repo := gittest.Init(t)
			repo.Commit("ABC-1")
			c := carrier.serve(t, repo)
			relist := func(before *Advertisement) *Advertisement {
				a, err := c.ListRefsSince(t.Context(), nil, Since{Digest: before.Digest})
				if err != nil {
					t.Fatal(err)
				}
				return a
			}
			first := list(t, c)
			if again := relist(first); !again.IsSame || again.Refs != nil || again.Digest != first.Digest || again.Filter != first.Filter || again.Version != first.Version {
				t.Errorf("the same answer: %+v", again)
			}
			repo.Git("symbolic-ref", "HEAD", "refs/heads/other")
			headless := relist(first)
			if headless.IsSame || len(headless.Refs) != 1 {
				t.Errorf("another HEAD: %+v", headless)
			}
			repo.Git("update-ref", "refs/heads/more", "refs/heads/main")
			if more := relist(headless); more.IsSame || len(more.Refs) != 2 {
				t.Errorf("another ref: %+v", more)
			}
			if whole := list(t, c); whole.IsSame || len(whole.Refs) != 2 {
				t.Errorf("for a caller that knows nothing: %+v", whole)
			}
		})
	}
}

// TestARecordedAnswerIsReadAsItCame reads answers of every end and length back from their record.
func TestARecordedAnswerIsReadAsItCame(t *testing.T) {
	t.Parallel()
	ref := oidA + " refs/heads/" + strings.Repeat("x", 60_000) + "\n"
	long := bytes.Repeat(packets(ref), maxRecorded/len(ref)+3)
	for name, test := range map[string]struct {
		answer []byte
		kept   bool
	}{
		"refs":           {packets(oidA+" refs/heads/a\n", "0000"), true},
		"none":           {packets("0000"), true},
		"with a heading": {packets("# service=git-upload-pack\n", "0000", oidA+" refs/heads/a\n", "0000"), true},
		"too long":       {append(long[:len(long):len(long)], packets("0000")...), false},
		"cut":            {packets(oidA + " refs/heads/a\n")[:20], false},
		"empty":          {nil, false},
		"no pkt-lines":   {[]byte("Welcome to example.com\n"), false},
		"cut in a head":  {[]byte("00"), false},
	} {
		c := dial(t, "http://git.example.com/r.git", Options{})
		for _, arriving := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.HalfReader} {
			m := c.record(arriving(bytes.NewReader(test.answer)), nil)
			read, err := io.ReadAll(m.reader())
			if !test.kept && name != "too long" {
				if !bytes.HasPrefix(test.answer, read) {
					t.Errorf("%s: %q is read", name, read)
				}
			} else if err != nil || !bytes.Equal(read, test.answer) {
				t.Errorf("%s: %d bytes of %d are read: %v", name, len(read), len(test.answer), err)
			}
			if m.isKnown([32]byte{}) || m.isKnown(m.digest) != test.kept {
				t.Errorf("%s: its digest is %x", name, m.digest)
			}
		}
	}
}
