package reference

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"slices"
)

// Commit is one commit as git log tells it.
type Commit struct {
	SHA  string   // 40 hexadecimal digits
	Keys []string // of its message, then those that only its notes name; each once

	Noted int // how many of Keys only its notes name
}

// Log reads every commit that a ref of the repository reaches, other than those which hold notes, each once, in git
// log's order. Notes of all notes refs count. It yields an error at most once, last.
//
// Messages are what git makes of them: converted to UTF-8 from the encoding that the commit declares, and cut at a
// NUL byte, which git log takes for the end.
func Log(ctx context.Context, repo string) iter.Seq2[Commit, error] {
	return func(yield func(Commit, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		cmd := exec.CommandContext(ctx, "git", "--no-replace-objects", "--git-dir", repo, "log", "-z", "--exclude=refs/notes/*", "--all", "--notes=*",
			"--encoding=UTF-8", "--no-show-signature", "--format=tformat:%H%n%B%x00%N")
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			yield(Commit{}, fmt.Errorf("git log of %s: %w", repo, err))
			return
		}
		more, err := commits(out, yield)
		if !more || err != nil {
			cancel() // git may still be writing
		}
		waitErr := cmd.Wait()
		if more && err == nil && waitErr != nil {
			err = fmt.Errorf("%w: %s", waitErr, bytes.TrimSpace(stderr.Bytes()))
		}
		if more && err != nil {
			yield(Commit{}, fmt.Errorf("git log of %s: %w", repo, err))
		}
	}
}

// commits parses the records; it reports false when the consumer wants no more.
func commits(r io.Reader, yield func(Commit, error) bool) (more bool, err error) {
	in := bufio.NewReaderSize(r, 1<<16)
	for {
		head, err := in.ReadBytes(0)
		if errors.Is(err, io.EOF) && len(head) == 0 {
			return true, nil
		}
		if err != nil {
			return true, err
		}
		notes, err := in.ReadBytes(0)
		if err != nil {
			return true, err
		}
		sha, message, ok := bytes.Cut(head[:len(head)-1], []byte("\n"))
		if !ok || len(sha) != 40 {
			return true, fmt.Errorf("unexpected record %.60q", head)
		}
		c := Commit{SHA: string(sha), Keys: Keys(message)}
		for _, k := range Keys(notes[:len(notes)-1]) {
			if !slices.Contains(c.Keys, k) {
				c.Keys = append(c.Keys, k)
				c.Noted++
			}
		}
		if !yield(c, nil) {
			return false, nil
		}
	}
}
