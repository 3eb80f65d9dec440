// Package daemon composes the process: the command line, the configuration, and the parts that serve needs, in
// the order in which they start and stop.
//
// Main is the program. Each command is a struct of its flags with a Run method, in a file of its own; wiring.go
// makes of a configuration what the packages below want. What the commands answer they ask of the HTTP API, of a
// running daemon over the network or of one opened in the process for a data directory, so that both say the same.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"keytrail/storage"
)

// Process is what a command has of its process.
type Process struct {
	Stdout io.Writer
	Stderr io.Writer
	Reload <-chan os.Signal // each asks serve to read its configuration again
	Exit   func(code int)   // ends the process at once; must not return
}

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // or a difference was found
	exitUsage   = 2 // the command line or the configuration
	exitStorage = 3 // the index refuses: locked, corrupt, of a newer format, or full
)

// usageError is a fault of the command line or the configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// errDifference ends verify when it has reported what it found.
var errDifference = errors.New("differences were found")

type commands struct {
	Serve    serveCommand    `cmd:"" help:"Run the daemon: keep the index up to date and answer over HTTP."`
	Index    indexCommand    `cmd:"" help:"Index repositories once and print a summary."`
	Query    queryCommand    `cmd:"" help:"Show the commits of issues, newest first."`
	Export   exportCommand   `cmd:"" help:"Print every posting, a JSON line each."`
	Verify   verifyCommand   `cmd:"" help:"Check the index against itself and, with --deep, against the mirrors."`
	Explain  explainCommand  `cmd:"" help:"Tell which issue keys a text holds and why, or why a commit is (not) in the index."`
	Webhooks webhooksCommand `cmd:"" help:"Tell how the webhook of each integration is set up at its host."`
	Config   configCommand   `cmd:"" help:"Work with a configuration file."`
	Version  versionCommand  `cmd:"" help:"Print the version of keytrail and of what it is built on."`
}

// Main runs the command line and gives the exit code.
func Main(ctx context.Context, args []string, p Process) (code int) {
	exited := struct{ code int }{-1}
	var cli commands
	parser, err := kong.New(&cli,
		kong.Name("keytrail"),
		kong.Description("Which commits, branches and tags belong to a Jira issue?\n\n"+
			"Try:  keytrail serve --data ./data https://git.example.com/acme/shop.git\n"+
			"then: keytrail query --url http://127.0.0.1:8790 SHOP-1"),
		kong.Writers(p.Stdout, p.Stderr),
		kong.Exit(func(code int) { exited.code = code; panic(&exited) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(p),
	)
	if err != nil {
		fmt.Fprintln(p.Stderr, "keytrail:", err)
		return exitFailure
	}
	defer func() {
		// --help asks kong to exit, which must not run the command.
		if r := recover(); r == any(&exited) {
			code = exited.code
		} else if r != nil {
			panic(r)
		}
	}()
	selected, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(p.Stderr, "keytrail: %v\nTry: keytrail --help\n", err)
		return exitUsage
	}
	err = selected.Run()
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(p.Stderr, "keytrail: interrupted")
	case !errors.Is(err, errDifference):
		fmt.Fprintln(p.Stderr, "keytrail:", err)
	}
	return exitCode(err)
}

func exitCode(err error) int {
	var usage usageError
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, storage.ErrLocked), errors.Is(err, storage.ErrCorrupt),
		errors.Is(err, storage.ErrNewerFormat), errors.Is(err, storage.ErrOlderFormat), errors.Is(err, storage.ErrFull):
		return exitStorage
	default:
		return exitFailure
	}
}

// isTerminal reports whether a person watches what is written.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// plural gives "1 commit", "2 commits".
func plural[N int | int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
