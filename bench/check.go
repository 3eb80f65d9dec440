package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"keytrail/bench/reference"
)

// Pair says that a commit names an issue.
type Pair struct{ Key, SHA string }

// bag stands for a collection of pairs in any order: two are equal if their bags are. It is a sum of hashes, so that
// this process stays small (see measure).
type bag struct {
	n   int
	sum [4]uint64
}

func (b *bag) add(p Pair) {
	h := sha256.Sum256([]byte(p.Key + "\x00" + p.SHA))
	for i := range b.sum {
		b.sum[i] += binary.LittleEndian.Uint64(h[8*i:])
	}
	b.n++
}

// expectation is what git log says, by the reference grammar.
type expectation struct {
	pairs bag
	named int // different keys in messages
}

// check runs every command once, untimed, and holds keytrail's answers against git log's. A peer's answer, by another
// grammar, must be the same from every peer and hold no fewer keys than the messages do.
func (r runner) check(ctx context.Context, pairs []pair, report *Report) error {
	want, err := r.expected(ctx, report)
	if err != nil {
		return err
	}
	var first []byte
	for _, p := range pairs {
		fmt.Fprintf(r.log, "checking %s\n", p.subject.name)
		if _, err := r.once(ctx, p.subject, func(dir string) error { return r.sameAnswer(ctx, dir, want.pairs) }); err != nil {
			return err
		}
		fmt.Fprintf(r.log, "checking %s\n", p.peer.name)
		_, err := r.once(ctx, p.peer, func(dir string) error {
			lines, digest, err := answer(filepath.Join(dir, keysFile))
			switch {
			case err != nil:
				return err
			case lines < want.named:
				return fmt.Errorf("found %d keys, messages name %d", lines, want.named)
			case first != nil && !bytes.Equal(first, digest):
				return errors.New("found other keys than the peer before it")
			}
			first, report.Repository.PeerKeys = digest, lines
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// expected reads git log and fills in what the repository holds.
func (r runner) expected(ctx context.Context, report *Report) (expectation, error) {
	var want expectation
	keys := map[string]bool{} // whether a message names it
	for c, err := range reference.Log(ctx, r.Repo) {
		if err != nil {
			return expectation{}, err
		}
		report.Repository.Commits++
		for i, k := range c.Keys {
			want.pairs.add(Pair{k, c.SHA})
			keys[k] = keys[k] || i < len(c.Keys)-c.Noted
		}
	}
	for _, inMessage := range keys {
		if inMessage {
			want.named++
		}
	}
	report.Repository.Keys, report.Repository.Pairs = len(keys), want.pairs.n
	return want, nil
}

// answer counts and hashes the lines of a peer's answer.
func answer(file string) (lines int, digest []byte, err error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	h := sha256.New()
	in := bufio.NewScanner(io.TeeReader(f, h))
	for in.Scan() {
		lines++
	}
	return lines, h.Sum(nil), in.Err()
}

// sameAnswer compares what keytrail exports from a run's data directory with what is wanted.
func (r runner) sameAnswer(ctx context.Context, dir string, want bag) error {
	var got bag
	if err := r.export(ctx, dir, got.add); err != nil {
		return err
	}
	if got == want {
		return nil
	}
	return r.difference(ctx, dir)
}

// export runs keytrail export and gives each pair to the function.
func (r runner) export(ctx context.Context, dir string, to func(Pair)) error {
	cmd := exec.CommandContext(ctx, r.Keytrail, "export", "--data", filepath.Join(dir, dataDir))
	cmd.Env = environment()
	var said tail
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	for in := json.NewDecoder(out); err == nil; {
		var line struct {
			Key string `json:"key"`
			SHA string `json:"sha"`
		}
		if err = in.Decode(&line); err == nil {
			to(Pair{line.Key, line.SHA})
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	} else {
		_, drainErr := io.Copy(io.Discard, out) // let it end by itself
		err = errors.Join(err, drainErr)
	}
	if err := errors.Join(err, cmd.Wait()); err != nil {
		return fmt.Errorf("keytrail export: %w: %s", err, said.text())
	}
	return nil
}

// shownPairs is how many pairs of each kind a difference names.
const shownPairs = 5

// difference says in which pairs keytrail and git log disagree. It is called only where they do.
func (r runner) difference(ctx context.Context, dir string) error {
	want := map[Pair]int{}
	for c, err := range reference.Log(ctx, r.Repo) {
		if err != nil {
			return err
		}
		for _, k := range c.Keys {
			want[Pair{k, c.SHA}]++
		}
	}
	if err := r.export(ctx, dir, func(p Pair) { want[p]-- }); err != nil {
		return err
	}
	var missing, extra []string
	for p, n := range want {
		switch text := p.Key + " " + p.SHA; {
		case n > 0:
			missing = append(missing, text)
		case n < 0:
			extra = append(extra, text)
		}
	}
	return fmt.Errorf("keytrail's answer is not git log's: %s; %s", some("missing", missing), some("extra", extra))
}

func some(what string, pairs []string) string {
	slices.Sort(pairs)
	return fmt.Sprintf("%d pairs %s (%s)", len(pairs), what, strings.Join(pairs[:min(len(pairs), shownPairs)], ", "))
}
