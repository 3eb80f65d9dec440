package mirror

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/indexer/mirror/wire"
)

// meter cuts each answer to a request for a pack after some bytes, and counts those that went out.
type meter struct {
	most  int // bytes of an answer; 0: any number
	sent  atomic.Int64
	packs atomic.Int64
}

func (m *meter) cut(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		asked := &requests{}
		asked.count(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
			if asked.packs > 0 {
				m.packs.Add(1)
				w = &meteredWriter{w, m, 0}
			}
			next.ServeHTTP(w, q)
		})).ServeHTTP(w, q)
	})
}

type meteredWriter struct {
	http.ResponseWriter
	meter *meter
	n     int
}

func (w *meteredWriter) Write(b []byte) (int, error) {
	if most := w.meter.most; most > 0 && w.n+len(b) > most {
		n, _ := w.ResponseWriter.Write(b[:most-w.n])
		w.meter.sent.Add(int64(n))
		_ = http.NewResponseController(w.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	w.n += len(b)
	w.meter.sent.Add(int64(len(b)))
	return w.ResponseWriter.Write(b)
}

func TestAServerThatCutsEveryAnswerIsFetchedWholeInTheEnd(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	repo.Commits("refs/heads/main", strings.Repeat("AB-1 ", 20), 2000)
	for i := range 40 {
		repo.Git("tag", fmt.Sprintf("v%d", i+1), fmt.Sprintf("main~%d", 1999-50*i))
		if i%5 == 0 {
			repo.CommitTo(fmt.Sprintf("refs/heads/topic-%d", i), "AB-2", repo.OID(fmt.Sprintf("main~%d", 1900-40*i)))
		}
	}
	repo.Git("repack", "-a", "-d", "--quiet")
	for name, isTooLarge := range map[string]bool{"cut off": false, "larger than allowed": true} {
		t.Run(name, func(t *testing.T) {
			m := &meter{}
			url := gittest.Serve(t, repo, gittest.Options{Middleware: m.cut})
			update(t, openRemote(t, url, RemoteOptions{}), nil)
			whole := m.sent.Swap(0)
			if n := m.packs.Load(); n != 1 {
				t.Errorf("an undisturbed fetch took %d requests", n)
			}
			o := RemoteOptions{}
			if isTooLarge {
				o.Wire.MaxPack = whole / 6
			} else {
				m.most = int(whole / 6)
			}
			dir := t.TempDir() + "/1.git"
			attempts, err := 0, error(nil)
			for attempts = 1; attempts < 30; attempts++ {
				r := openRemoteIn(t, dir, url, o) // as after a restart
				now := look(t, r)
				if _, err = r.Fetch(t.Context(), now, now.Refs, nil); err == nil {
					mustAgree(t, r, repo)
					break
				}
				if !errors.Is(err, wire.ErrTruncated) && !errors.Is(err, wire.ErrTooLarge) {
					t.Fatal(err)
				}
			}
			t.Logf("%d bytes at once; %d bytes in %d attempts", whole, m.sent.Load(), attempts)
			if err != nil || m.sent.Load() > 4*whole {
				t.Errorf("after %d attempts: %v", attempts, err)
			}
			if _, err := os.Stat(dir + slicesSuffix); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the state is left: %v", err)
			}
		})
	}
}

func TestSlicesBeginWithTheDefaultBranchAndGoFromOldToNewWhenItIsTooMuch(t *testing.T) {
	var refs []Ref
	for _, name := range []string{"refs/heads/a", "refs/heads/main", "refs/pull/10/head", "refs/pull/9/head", "refs/tags/v10", "refs/tags/v9"} {
		refs = append(refs, Ref{Name: name})
	}
	for skip, want := range []string{
		"refs/heads/main refs/heads/a refs/tags/v10 refs/tags/v9 refs/pull/10/head refs/pull/9/head",
		"refs/tags/v9 refs/tags/v10 refs/pull/9/head refs/pull/10/head refs/heads/a refs/heads/main",
		"refs/tags/v10 refs/pull/9/head refs/pull/10/head refs/heads/a refs/heads/main refs/tags/v9",
	} {
		s := slicing{size: 1, skip: skip}
		if got := strings.Join(names(s.order(refs, "refs/heads/main")), " "); got != want {
			t.Errorf("after %d refs too large the order is %s", skip, got)
		}
	}
}

func TestAStateOfSlicesThatCannotBeReadIsANewOne(t *testing.T) {
	b := readyBare(t)
	for _, content := range []string{"", "x y", "0 0", "4 -1", "4"} {
		writeFile(t, b.dir+slicesSuffix, content)
		if s, isOn, err := readSlicing(b); err != nil || !isOn || s.size != 1 || s.skip != 0 {
			t.Errorf("%q is read as %+v, %v, %v", content, s, isOn, err)
		}
	}
}
