package bench

import (
	"math"
	"strings"
	"testing"
)

func TestAWorkersTurnIsSharedAmongItsFetches(t *testing.T) {
	w, err := startWorker(t.Context(), []string{"sh", "-c", `while read n; do echo $((n * 3000)) $((n * 1000)); done`})
	if err != nil {
		t.Fatal(err)
	}
	for _, times := range []int{1, 20} {
		s, err := w.fetch(t.Context(), times)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(s.User-0.003) > 1e-9 || math.Abs(s.System-0.001) > 1e-9 || s.Wall <= 0 || s.Peak <= 0 {
			t.Errorf("%d fetches: %+v, want 3 and 1 ms of each", times, s)
		}
	}
	if s, err := w.fetch(t.Context(), 0); err != nil || s.CPU() != 0 {
		t.Errorf("no fetch took %+v, error %v", s, err)
	}
	if err := w.close(); err != nil {
		t.Error(err)
	}
}

func TestAWorkersFailureIsToldInItsOwnWords(t *testing.T) {
	for script, want := range map[string]string{
		"read n; echo disk is gone >&2; exit 3":                "exit status 3: disk is gone",
		"read n; exit 0":                                       "ended without an answer",
		"read n; echo soon; cat":                               `answer "soon"`,
		"exec 0<&-; echo no input >&2; exit 4":                 "exit status 4: no input",
		"read n; echo 1 1; read end; echo late >&2; exit 5; :": "exit status 5: late",
	} {
		w, err := startWorker(t.Context(), []string{"sh", "-c", script})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = w.fetch(t.Context(), 1); err == nil {
			err = w.close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", script, err, want)
		}
		if err := w.close(); err != nil {
			t.Errorf("%s: a second close: %v", script, err)
		}
	}
}
