package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"keytrail/storage"
)

// leakChecked is the package's tests, after which no goroutine may be left.
type leakChecked struct{ m *testing.M }

func (l leakChecked) Run() int {
	code := l.m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// TestMain is keytrail itself when the scripts run the test binary by that name.
func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){
		"keytrail": func() {
			os.Exit(Main(context.Background(), os.Args[1:], Process{Stdout: os.Stdout, Stderr: os.Stderr, Exit: os.Exit}))
		},
	})
}

// TestScripts runs the commands as users type them. Each script begins in a directory of its own that holds what stands
// at its end.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			for _, v := range [...]struct{ name, value string }{
				{"GORACE", "atexit_sleep_ms=0"}, // under the race detector each command would end by a second of sleep
				{"GIT_CONFIG_NOSYSTEM", "1"},
				{"GIT_AUTHOR_NAME", "Ada Author"},
				{"GIT_AUTHOR_EMAIL", "ada@example.com"},
				{"GIT_AUTHOR_DATE", "1600000000 +0200"},
				{"GIT_COMMITTER_NAME", "Carl Committer"},
				{"GIT_COMMITTER_EMAIL", "carl@example.com"},
				{"GIT_COMMITTER_DATE", "1600000000 +0200"},
			} {
				e.Setenv(v.name, v.value)
			}
			return nil
		},
	})
}

func TestAnIndexThatRefusesHasAnExitCodeOfItsOwn(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
	}{
		{storage.ErrLocked, 3},
		{storage.ErrCorrupt, 3},
		{storage.ErrNewerFormat, 3},
		{storage.ErrOlderFormat, 3},
		{storage.ErrFull, 3},
		{storage.ErrNotFound, 1},
		{errDifference, 1},
		{context.Canceled, 1},
		{usageError{errors.New("unknown flag")}, 2},
	} {
		if got := exitCode(fmt.Errorf("data directory: %w", c.err)); got != c.code {
			t.Errorf("%v: exit code %d, want %d", c.err, got, c.code)
		}
	}
}
