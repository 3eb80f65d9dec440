package httpapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// start runs the fixture's server on a port of its own until the test or stop ends it.
func (f *fixture) start() (address string, stop func() error) {
	f.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.server.Run(ctx, l) }()
	stop = func() error {
		cancel()
		err := <-done
		done <- err
		return err
	}
	f.t.Cleanup(func() {
		if err := stop(); err != nil {
			f.t.Errorf("run: %v", err)
		}
	})
	return l.Addr().String(), stop
}

// client is one whose connections end with the test.
func client(t testing.TB) *http.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestRunAnswersUntilItsContextEnds(t *testing.T) {
	f := newFixture(t)
	address, stop := f.start()
	answer, err := client(t).Get("http://" + address + "/api/v1/export")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err != nil || strings.Count(string(body), "\n") != 9 {
		t.Errorf("%s %v", body, err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("the port is still open")
	}
}

func TestRunLetsRequestsFinish(t *testing.T) {
	f := newFixture(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	f.store.before = func(context.Context) { close(entered); <-leave }
	address, stop := f.start()
	status := make(chan int, 1)
	go func() {
		answer, err := client(t).Get("http://" + address + "/api/v1/issues/KAFKA-7")
		if err != nil {
			status <- 0
			return
		}
		answer.Body.Close()
		status <- answer.StatusCode
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	for {
		if c, err := net.Dial("tcp", address); err != nil {
			break
		} else {
			c.Close()
		}
	}
	close(leave)
	if got := <-status; got != http.StatusOK {
		t.Errorf("the request under way was answered %d", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestRunCutsOffARequestThatHangs(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Drain = 10 * time.Millisecond })
	entered, left := make(chan struct{}), false
	f.store.before = func(ctx context.Context) {
		close(entered)
		<-ctx.Done()
		left = true
	}
	address, stop := f.start()
	failed := make(chan error, 1)
	go func() {
		answer, err := client(t).Get("http://" + address + "/api/v1/issues/KAFKA-7")
		if err == nil {
			answer.Body.Close()
		}
		failed <- err
	}()
	<-entered
	if err := stop(); err != nil {
		t.Error(err)
	}
	if !left {
		t.Error("Run returned before the handler did")
	}
	<-failed
	if !strings.Contains(f.log.String(), "cut off") {
		t.Errorf("log: %s", f.log)
	}
}

func TestRunTellsOfABrokenListener(t *testing.T) {
	f := newFixture(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := f.server.Run(context.Background(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("run: %v", err)
	}
}

func TestAnAnswerThatBreaksOffCannotPassForWhole(t *testing.T) {
	f := newFixture(t)
	f.store.manyPosting, f.store.err = 10_000, errors.New("the disk broke")
	address, _ := f.start()
	answer, err := client(t).Get("http://" + address + "/api/v1/export")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK || len(body) == 0 || err == nil {
		t.Errorf("status %d, %d bytes, error %v", answer.StatusCode, len(body), err)
	}
	if !strings.Contains(f.log.String(), "the disk broke") {
		t.Errorf("log: %s", f.log)
	}
}

func TestAClientThatStopsReadingIsCutOff(t *testing.T) {
	f := newFixture(t)
	f.store.manyPosting = 1 << 40
	f.server.writeTimeout = 50 * time.Millisecond
	address, stop := f.start()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET /api/v1/export HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if _, err := bufio.NewReader(c).Peek(1); err != nil {
		t.Fatal(err)
	}
	f.server.active.inside.Wait()
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestAClientThatStopsSendingIsCutOff(t *testing.T) {
	f := newFixture(t)
	f.server.bodyTimeout = 50 * time.Millisecond
	address, _ := f.start()
	for _, target := range []string{"POST /api/v1/issues/commits", "GET /api/v1/issues/KAFKA-7"} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", target)
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Errorf("%s: %v", target, err)
		}
	}
}

func TestAHeaderWithoutEndIsRefused(t *testing.T) {
	address, _ := newFixture(t).start()
	r, err := http.NewRequest(http.MethodGet, "http://"+address+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Long", strings.Repeat("x", 2*maxHeaderBytes))
	answer, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", answer.StatusCode)
	}
}

func TestAPostKeepsItsConnection(t *testing.T) {
	address, _ := newFixture(t).start()
	c := client(t)
	for range 3 {
		answer, err := c.Post("http://"+address+"/api/v1/issues/commits", "application/json", strings.NewReader(`{"keys":["KAFKA-7"]}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK || answer.Close {
			t.Errorf("status %d, close %t, %v", answer.StatusCode, answer.Close, err)
		}
		answer.Body.Close()
	}
}
