package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/indexer/mirror/wire"
	"keytrail/storage"
)

// overLibgit2 is the name of the test below, by which openRemote knows the engine.
const overLibgit2 = "TestScenariosAndFailuresAreTheSameOverLibgit2"

// engineOf is the engine that a test means unless it names one.
func engineOf(t testing.TB) string {
	if strings.HasPrefix(t.Name(), overLibgit2) {
		return EngineLibgit2
	}
	return EngineNative
}

func TestScenariosAndFailuresAreTheSameOverLibgit2(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"filters":            TestAFilteredMirrorHoldsWhatTheServersFilterAllows,
		"unchanged":          TestAnUnchangedRemoteIsNotAskedForAPack,
		"pushes":             TestTheMirrorFollowsEveryKindOfPush,
		"notes":              TestNotesLiveInARepositoryOfTheirOwn,
		"odd notes":          TestANotesRefMayPointAtAnything,
		"bad answers":        TestABadAnswerLeavesTheMirrorUsableAndTheNextFetchRight,
		"silent refusal":     TestASilentRefusalOfTheFilterStepsDown,
		"hang":               TestAServerThatHangsWithinThePackIsStalled,
		"remove":             TestRemoveRemovesAllThatAMirrorIs,
		"discard":            TestADiscardedMirrorIsWholeAfterTheNextChangeOfOneRef,
		"damage":             TestEachDamageOfAMirrorIsSaidAndHealedByDiscard,
		"change of filter":   TestAMirrorIsMadeAnewWhenItsFilterIsNoLongerWanted,
		"undelivered":        TestTagsWhoseTargetIsNotDeliveredDoNotSpoilTheMirror,
		"cancelled":          TestCancellingAFetchLeavesNothingBehind,
		"killed":             TestLeftoversOfAKilledFetchAreRemoved,
		"early end":          TestAServerThatEndsEarlyLeavesNothingBehind,
		"unreadable remotes": TestARemoteThatCannotBeReadIsOneClearError,
		"forgotten filter":   TestAServerThatForgotItsFilterForGoodIsFetchedAnewAtTheThirdLook,
		"outage":             TestALongOutageDoesNotMakeAMirrorAFullOne,
		"full disk":          TestAFullDiskLeavesNothingBehindAndIsGotOver,
		"lost tip":           TestALostTipCostsAtMostHalfOfWhatWasRewritten,
		"shallow":            TestTheMirrorOfAShallowServerIsCutWhereTheServerIs,
		"seen by git":        TestGitFindsAFilteredMirrorWhole,
		"restart":            TestRefsThatAreNotDeliveredAreNotAskedForAgainAfterARestart,
	} {
		t.Run(name, test)
	}
}

// mustBeClean demands that a fetch left nothing beside packs.
func mustBeClean(t *testing.T, r *Remote) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(r.mirror.dir, borrowerName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the repository that libgit2 fetched into: %v", err)
	}
	files, err := os.ReadDir(filepath.Join(r.mirror.dir, "objects", "pack"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if ext := filepath.Ext(f.Name()); ext != packExt && ext != indexExt && ext != promisorExt {
			t.Errorf("left: %s", f.Name())
		}
	}
}

// pushed is the state of a server's refs after a push, and how many objects the push is.
type pushed struct {
	what    string
	refs    map[string]storage.OID
	objects int
}

// pushes makes a history on a server and remembers its steps.
func pushes(server *gittest.Repo) (steps []pushed) {
	branch := func(i int) string { return fmt.Sprintf("refs/heads/old-%02d", i) }
	first := server.Commits("refs/heads/main", "AB-1", 300)
	for i := range 30 {
		server.CommitTo(branch(i), "AB-2", first)
	}
	for _, push := range []struct {
		what    string
		do      func()
		objects int
	}{
		{"all", func() {}, 330},
		{"a commit", func() { server.Commit("AB-3") }, 1},
		{"nothing", func() {}, 0},
		{"a commit on each of thirty branches", func() {
			for i := range 30 {
				server.CommitTo(branch(i), "AB-4")
			}
		}, 30},
		{"a force push", func() { server.CommitTo("refs/heads/main", "AB-5", server.OID("main~250")) }, 1},
		{"a branch off an old commit", func() { server.CommitTo("refs/heads/fix", "AB-6", server.OID("old-07~100")) }, 1},
		{"300 commits", func() { server.Commits("refs/heads/main", "AB-7", 300) }, 300},
		{"a merge", func() { server.CommitTo("refs/heads/main", "AB-8", server.OID("main"), server.OID("old-03")) }, 1},
		{"an unrelated history", func() { server.Orphan("refs/heads/other", "AB-9") }, 1},
	} {
		push.do()
		steps = append(steps, pushed{push.what, server.Refs(), push.objects})
	}
	return steps
}

// become gives a server the refs of a step.
func (p pushed) become(server *gittest.Repo) {
	var commands strings.Builder
	for name := range server.Refs() {
		if _, ok := p.refs[name]; !ok {
			fmt.Fprintf(&commands, "delete %s\n", name)
		}
	}
	for name, oid := range p.refs {
		fmt.Fprintf(&commands, "update %s %s\n", name, oid)
	}
	server.Feed(commands.String(), "update-ref", "--stdin")
}

func TestLibgit2ReceivesWhatIsNewAndNothingElse(t *testing.T) {
	origin := gittest.Init(t)
	steps := pushes(origin)
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			server := origin.Copy()
			t.Parallel()
			url, o := way(t, server)
			o.Engine = EngineLibgit2
			r := openRemote(t, url, o)
			var before *Look
			for _, step := range steps {
				step.become(server)
				var fetched Fetched
				if before, fetched = update(t, r, before); fetched.Objects != step.objects {
					t.Errorf("%s: %d objects came, want %d", step.what, fetched.Objects, step.objects)
				}
				mustAgree(t, r, server)
				mustBeClean(t, r)
			}
		})
	}
}

func TestLibgit2TellsHowFarItIs(t *testing.T) {
	server := gittest.Init(t)
	server.Commits("refs/heads/main", "AB-1", 2000)
	r := openRemote(t, gittest.Serve(t, server, gittest.Options{}), RemoteOptions{Engine: EngineLibgit2})
	now := look(t, r)
	var last Progress
	fetched, err := r.Fetch(t.Context(), now, now.Refs, func(p Progress) {
		if p.Bytes < last.Bytes || p.Objects < last.Objects || p.Total != 2000 {
			t.Errorf("%+v after %+v", p, last)
		}
		last = p
	})
	if err != nil || fetched.Objects != 2000 || last.Bytes != fetched.Bytes || fetched.Bytes == 0 {
		t.Errorf("%d objects and %d bytes, the last told %+v, %v", fetched.Objects, fetched.Bytes, last, err)
	}
}

func TestAPanicWithinLibgit2ReachesWhoAskedForTheFetch(t *testing.T) {
	server := gittest.Init(t)
	server.Commits("refs/heads/main", "AB-1", 10)
	r := openRemote(t, gittest.Serve(t, server, gittest.Options{}), RemoteOptions{Engine: EngineLibgit2})
	now := look(t, r)
	func() {
		defer func() {
			if p, ok := recover().(error); !ok || !strings.Contains(p.Error(), "a bug") {
				t.Errorf("the panic is %v", p)
			}
		}()
		_, err := r.Fetch(t.Context(), now, now.Refs, func(Progress) { panic("a bug") })
		t.Errorf("no panic but %v", err)
	}()
	mustBeClean(t, r)
	update(t, r, nil)
	mustAgree(t, r, server)
}

func TestLimitsHoldForLibgit2Too(t *testing.T) {
	server := gittest.Init(t)
	server.Commits("refs/heads/main", "AB-1", 1000)
	r := openRemote(t, gittest.Serve(t, server, gittest.Options{}), RemoteOptions{Engine: EngineLibgit2, Wire: wire.Options{MaxPack: 10_000}})
	now := look(t, r)
	_, err := r.Fetch(t.Context(), now, now.Refs, nil)
	wantError(t, err, wire.ErrTooLarge, r.url, "10000 bytes")
	mustBeClean(t, r)
}

// TestCancellingLibgit2EndsItAtOnce cancels while the server is silent, in the greeting and in the answer.
func TestCancellingLibgit2EndsItAtOnce(t *testing.T) {
	server := gittest.Init(t)
	server.Commit("AB-1")
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		isSilent, asked := false, make(chan struct{}, 9)
		r := openRemote(t, gittest.Serve(t, server, gittest.Options{Middleware: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				if isSilent && q.Method == method {
					_, _ = io.Copy(io.Discard, q.Body) // a server sees the end of the client only then
					asked <- struct{}{}
					<-q.Context().Done()
					return
				}
				next.ServeHTTP(w, q)
			})
		}}), RemoteOptions{Engine: EngineLibgit2})
		now := look(t, r)
		isSilent = true
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		var waiting sync.WaitGroup
		waiting.Go(func() {
			<-asked
			cancel(enough)
		})
		if _, err := r.Fetch(ctx, now, now.Refs, nil); !errors.Is(err, context.Canceled) || !errors.Is(err, enough) {
			t.Errorf("%s: error is %v", method, err)
		}
		waiting.Wait()
		mustBeClean(t, r)
	}
}

func TestWhatAKilledLibgit2LeftIsRemoved(t *testing.T) {
	server := gittest.Init(t)
	server.Commit("AB-1")
	r := openRemote(t, gittest.Serve(t, server, gittest.Options{}), RemoteOptions{})
	before, _ := update(t, r, nil)
	left := filepath.Join(r.mirror.dir, borrowerName, "objects", "pack")
	if err := os.MkdirAll(left, 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(left, "pack_git2_0123456789abcdef"), "half")
	server.Commit("AB-2")
	update(t, r, before)
	mustBeClean(t, r)
}

func TestAnUnknownEngineIsRefusedWithTheKnownOnes(t *testing.T) {
	_, err := OpenRemote(filepath.Join(t.TempDir(), "1.git"), "https://git.example.com/tools.git", chosen(t), RemoteOptions{Engine: "jgit"})
	if err == nil || !strings.Contains(err.Error(), `"jgit"`) || !strings.Contains(err.Error(), EngineLibgit2) {
		t.Errorf("error is %v", err)
	}
	if (RemoteOptions{Engine: EngineLibgit2}).Same(RemoteOptions{}) {
		t.Error("options of different engines are the same")
	}
}

// TestLibgit2FetchesFromServersOfFewCapabilities takes words out of the greeting.
func TestLibgit2FetchesFromServersOfFewCapabilities(t *testing.T) {
	for _, without := range []string{
		"side-band-64k", "side-band-64k side-band", "multi_ack_detailed", "multi_ack_detailed multi_ack",
		"multi_ack_detailed multi_ack side-band-64k side-band thin-pack ofs-delta no-progress",
	} {
		t.Run(without, func(t *testing.T) {
			server := gittest.Init(t)
			server.Commits("refs/heads/main", "AB-1", 60)
			r := openRemote(t, gittest.Serve(t, server, gittest.Options{Middleware: func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
					if q.Method != http.MethodGet {
						next.ServeHTTP(w, q)
						return
					}
					record := httptest.NewRecorder()
					next.ServeHTTP(record, q)
					body := record.Body.String()
					for word := range strings.FieldsSeq(without) {
						body = strings.ReplaceAll(body, " "+word+" ", " "+strings.Repeat("x", len(word))+" ")
					}
					w.Header().Set("Content-Type", record.Header().Get("Content-Type"))
					_, _ = io.WriteString(w, body)
				})
			}}), RemoteOptions{Engine: EngineLibgit2})
			before, _ := update(t, r, nil)
			for range 2 {
				server.Commit("AB-2")
				var fetched Fetched
				if before, fetched = update(t, r, before); fetched.Objects != 1 {
					t.Errorf("%d objects came for one commit", fetched.Objects)
				}
			}
			mustAgree(t, r, server)
			mustBeClean(t, r)
		})
	}
}
