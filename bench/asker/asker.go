// Package asker is a process that does nothing but ask, and checks each answer: an index that it opens itself, through
// storage.Reader, or a daemon over HTTP. Package bench runs it as a child, so that what asking costs is told apart from
// what answering costs, and neither waits for the collection of bench's own garbage.
//
// It takes turns: each line on its standard input is the JSON of a Turn, and when that is over a line on standard output
// has the JSON of its Result. It ends with its input.
package asker

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Question is what is asked, and what the answer must be.
type Question struct {
	Text   string `json:"text"`           // an issue key, or the target of an HTTP request
	Body   string `json:"body,omitempty"` // JSON, for a POST
	Length int    `json:"length"`         // of the answer: commits of the index, bytes of a daemon
	Sum    uint32 `json:"sum"`            // CRC-32C of it
}

// Turn says how to ask.
type Turn struct {
	Clients int     `json:"clients"` // each asks again as soon as it has its answer
	Seconds float64 `json:"seconds"`
	Seed    uint64  `json:"seed"`    // of the order of questions
	IsBusy  bool    `json:"is_busy"` // the index is written to meanwhile
}

// Result is what came of a turn. Times are seconds; CPU is that of this process.
type Result struct {
	Answers int64   `json:"answers"`
	Bytes   int64   `json:"bytes"` // of bodies; zero for an index
	Wall    float64 `json:"wall_seconds"`
	CPU     float64 `json:"cpu_seconds"`
	P50     float64 `json:"p50_seconds"`
	P90     float64 `json:"p90_seconds"`
	P99     float64 `json:"p99_seconds"`
	P999    float64 `json:"p999_seconds"`
	Max     float64 `json:"max_seconds"`
}

// newHistogram makes a histogram of nanoseconds: from a tenth of a microsecond to a minute, to a thousandth.
func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(100, int64(time.Minute), 3) }

// client asks one question after another.
type client interface {
	ask(ctx context.Context, q *Question) (bytes int, err error)
	close() error
}

// Asker asks questions, chosen at random.
type Asker struct {
	questions []Question
	connect   func(ctx context.Context) (client, error)
	busy      func(ctx context.Context) error // writes to the index until ctx ends; nil for a daemon, which others keep busy
}

// Serve takes turns until the input ends.
func (a *Asker) Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	if len(a.questions) == 0 {
		return errors.New("there is nothing to ask")
	}
	encoder := json.NewEncoder(out)
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var turn Turn
		if err := json.Unmarshal(lines.Bytes(), &turn); err != nil {
			return fmt.Errorf("a turn: %w", err)
		}
		result, err := a.turn(ctx, turn)
		if err != nil {
			return err
		}
		if err := encoder.Encode(result); err != nil {
			return err
		}
	}
	return nil
}

// turn asks until the time is over. The first wrong answer ends it.
func (a *Asker) turn(ctx context.Context, t Turn) (Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	clients, err := a.clients(ctx, t.Clients)
	if err != nil {
		return Result{}, err
	}
	before, err := used()
	if err != nil {
		return Result{}, err
	}
	var over atomic.Bool
	begun := time.Now()
	timer := time.AfterFunc(time.Duration(t.Seconds*float64(time.Second)), func() { over.Store(true) })
	defer timer.Stop()
	s := score{latency: newHistogram()}
	var group sync.WaitGroup
	stop := a.beBusy(ctx, t.IsBusy)
	for i, c := range clients {
		group.Go(func() {
			random := Random(t.Seed<<32 + uint64(i))
			for !over.Load() && ctx.Err() == nil {
				if err := s.ask(ctx, c, &a.questions[random.IntN(len(a.questions))]); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	group.Wait()
	wall := time.Since(begun)
	after, err := used()
	errs := []error{err, context.Cause(ctx), stop()}
	for _, c := range clients {
		errs = append(errs, c.close())
	}
	return Result{
		Answers: s.answers, Bytes: s.bytes, Wall: wall.Seconds(), CPU: after - before,
		P50: s.percentile(50), P90: s.percentile(90), P99: s.percentile(99), P999: s.percentile(99.9), Max: s.percentile(100),
	}, errors.Join(errs...)
}

// beBusy has the index written to until the function that it gives is called.
func (a *Asker) beBusy(ctx context.Context, isBusy bool) (stop func() error) {
	if !isBusy || a.busy == nil {
		return func() error { return nil }
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- a.busy(ctx) }()
	return func() error {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
}

// Random gives a source of choices: the same for the same seed.
func Random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// clients connects as many as are wanted.
func (a *Asker) clients(ctx context.Context, n int) ([]client, error) {
	var clients []client
	for range n {
		c, err := a.connect(ctx)
		if err != nil {
			for _, c := range clients {
				err = errors.Join(err, c.close())
			}
			return nil, err
		}
		clients = append(clients, c)
	}
	return clients, nil
}

// score counts the answers of all clients.
type score struct {
	mu      sync.Mutex
	answers int64
	bytes   int64
	latency *hdrhistogram.Histogram
}

func (s *score) ask(ctx context.Context, c client, q *Question) error {
	begun := time.Now()
	n, err := c.ask(ctx, q)
	took := time.Since(begun)
	if err != nil {
		return fmt.Errorf("ask %.80s: %w", q.Text, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers++
	s.bytes += int64(n)
	return s.latency.RecordValue(min(int64(took), int64(time.Minute)))
}

// percentile gives a percentile of the latencies, in seconds.
func (s *score) percentile(p float64) float64 {
	return time.Duration(s.latency.ValueAtPercentile(p)).Seconds()
}

// used gives the user and system time of this process so far, in seconds.
func used() (float64, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds(), nil
}
