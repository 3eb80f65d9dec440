package asker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"keytrail/bench/history"
	"keytrail/storage"
	"keytrail/storage/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// take has the asker take one turn.
func take(t *testing.T, a *Asker, turn Turn) (Result, error) {
	t.Helper()
	line, err := json.Marshal(turn)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := a.Serve(t.Context(), bytes.NewReader(append(line, '\n')), &out); err != nil {
		return Result{}, err
	}
	var r Result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, out.Bytes())
	}
	return r, nil
}

// daemon answers each path with a body of its own, in two parts, and counts.
func daemon(t *testing.T, answers *atomic.Int64) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers.Add(1)
		switch r.URL.Path {
		case "/none":
			http.NotFound(w, r)
		case "/chunked":
			w.(http.Flusher).Flush()
		case "/posted":
			fmt.Fprintf(w, "%s %d", r.Method, r.ContentLength)
		case "/large":
			w.Header().Set("Content-Length", "200000")
			_, _ = w.Write(bytes.Repeat([]byte("x"), 100000))
			w.(http.Flusher).Flush()
			_, _ = w.Write(bytes.Repeat([]byte("x"), 100000))
		case "/header":
			w.Header().Set("X-Long", strings.Repeat("x", 100<<10))
		default:
			fmt.Fprint(w, "the answer of ", r.URL.Path)
		}
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestEveryClientAsksUntilTheTurnIsOver(t *testing.T) {
	var answers atomic.Int64
	address := daemon(t, &answers)
	questions := []Question{{Text: "/a"}, {Text: "/large"}, {Text: "/posted", Body: "{}"}}
	for i := range questions {
		body, err := Ask(t.Context(), address, questions[i])
		if err != nil {
			t.Fatal(err)
		}
		questions[i].Length, questions[i].Sum = len(body), SumBody(body)
	}
	if questions[0].Length != len("the answer of /a") || questions[1].Length != 200000 || questions[2].Length != len("POST 2") {
		t.Errorf("answers of unexpected lengths: %+v", questions)
	}
	answers.Store(0)
	r, err := take(t, OfDaemon(address, questions), Turn{Clients: 3, Seconds: 0.05, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.Answers != answers.Load() || r.Answers < 3 || r.Bytes == 0 || r.Wall < 0.05 || r.CPU <= 0 {
		t.Errorf("%d answers were given, the result is %+v", answers.Load(), r)
	}
	if r.P50 <= 0 || r.P50 > r.P90 || r.P90 > r.P99 || r.P99 > r.P999 || r.P999 > r.Max || r.Max > r.Wall {
		t.Errorf("latencies out of order: %+v", r)
	}
}

func TestAWrongAnswerEndsTheTurnAndNamesTheQuestion(t *testing.T) {
	var answers atomic.Int64
	address := daemon(t, &answers)
	right := Question{Text: "/a", Length: len("the answer of /a"), Sum: SumBody([]byte("the answer of /a"))}
	otherSum, otherLength := right, right
	otherSum.Sum++
	otherLength.Length++
	for want, q := range map[string]Question{
		"/a: a wrong answer of 16 bytes, want 16": otherSum,
		"/a: a wrong answer of 16 bytes, want 17": otherLength,
		`"HTTP/1.1 404 Not Found"`:                {Text: "/none"},
		"does not tell its length":                {Text: "/chunked"},
		"header that does not end":                {Text: "/header"},
	} {
		if _, err := take(t, OfDaemon(address, []Question{q}), Turn{Clients: 2, Seconds: 60}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if _, err := take(t, OfDaemon("127.0.0.1:1", []Question{right}), Turn{Clients: 2}); err == nil {
		t.Error("a daemon that is not there was asked")
	}
	if _, err := take(t, OfDaemon(address, nil), Turn{}); err == nil {
		t.Error("nothing was asked, without an error")
	}
}

func TestAnIndexIsAskedWhileItIsBusy(t *testing.T) {
	store := memstore.New()
	t.Cleanup(func() { store.Close() })
	question := Question{Text: "NONE-1", Sum: SumCommits(nil)}
	var began atomic.Int64
	busy := func(ctx context.Context) error {
		began.Add(1)
		<-ctx.Done()
		return ctx.Err()
	}
	for want, isBusy := range map[int64]bool{1: true, 0: false} {
		began.Store(0)
		r, err := take(t, OfIndex(store, []Question{question}, busy), Turn{Clients: 2, Seconds: 0.02, IsBusy: isBusy})
		if err != nil || r.Answers == 0 || began.Load() != want {
			t.Errorf("busy %t: %+v, begun %d times, error %v", isBusy, r, began.Load(), err)
		}
	}
	question.Length = 1
	if _, err := take(t, OfIndex(store, []Question{question}, nil), Turn{Clients: 1, Seconds: 60}); err == nil || !strings.Contains(err.Error(), "0 commits, want 1") {
		t.Errorf("error %v, want one that counts commits", err)
	}
	broken := func(context.Context) error { return errors.New("the disk broke") }
	question.Length = 0
	if _, err := take(t, OfIndex(store, []Question{question}, broken), Turn{Clients: 1, Seconds: 0.02, IsBusy: true}); err == nil || !strings.Contains(err.Error(), "the disk broke") {
		t.Errorf("error %v, want that of the writer", err)
	}
}

func TestAnIndexIsWrittenAgainAndAgainInBusyTurns(t *testing.T) {
	dir := t.TempDir()
	o := Options{Data: filepath.Join(dir, "data"), Other: filepath.Join(dir, "other.git"), Questions: filepath.Join(dir, "questions")}
	h := history.Demo()
	if _, err := history.Create(t.Context(), o.Other, h, nil); err != nil {
		t.Fatal(err)
	}
	if err := WriteQuestions(o.Questions, []Question{{Text: "NONE-1"}}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	turns := `{"clients": 1, "seconds": 0.05, "is_busy": true}` + "\n" + `{"clients": 1, "seconds": 0.01}` + "\n"
	if err := Run(t.Context(), o, strings.NewReader(turns), &out); err != nil || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("error %v, answers %s", err, out.String())
	}
	if err := Run(t.Context(), o, strings.NewReader("soon\n"), &out); err == nil {
		t.Error("what is no turn was taken")
	}
	o.Questions = filepath.Join(dir, "absent")
	if err := Run(t.Context(), o, strings.NewReader(""), &out); err == nil {
		t.Error("there were questions in an absent file")
	}
}

func TestSumsTellAnswersApart(t *testing.T) {
	a, b := storage.OID{1}, storage.OID{2}
	if SumCommits([]storage.OID{a, b}) == SumCommits([]storage.OID{b, a}) || SumBody([]byte("a")) == SumBody([]byte("b")) {
		t.Error("different answers have one sum")
	}
}
