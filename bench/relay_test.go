package bench

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

// upper is a server that answers each connection with its text in upper case once the client has said all.
func upper(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			text, _ := io.ReadAll(c)
			io.WriteString(c, strings.ToUpper(string(text))+"!")
			c.Close()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	return listener.Addr().String()
}

func TestRelayPassesAndCountsEveryByteBothWays(t *testing.T) {
	r, err := newRelay(upper(t))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		before := r.traffic()
		c, err := net.Dial("tcp", r.address())
		if err != nil {
			t.Fatal(err)
		}
		long := strings.Repeat("some text ", 50_000)
		if _, err := io.WriteString(c, long); err != nil {
			t.Fatal(err)
		}
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(c)
		if err != nil || string(answer) != strings.ToUpper(long)+"!" {
			t.Fatalf("%d bytes came back, error %v", len(answer), err)
		}
		if got, want := r.traffic().since(before), (traffic{500_000, 500_001}); got != want {
			t.Errorf("counted %v, want %v", got, want)
		}
		c.Close()
	}
	if err := r.close(); err != nil {
		t.Error(err)
	}
}

func TestClosingTheRelayEndsConnectionsInUse(t *testing.T) {
	r, err := newRelay(upper(t))
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", r.address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "unfinished"); err != nil {
		t.Fatal(err)
	}
	if err := r.close(); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(c); len(rest) > 0 && err == nil {
		t.Errorf("%d bytes after the relay was closed", len(rest))
	}
	if _, err := net.Dial("tcp", r.address()); err == nil {
		t.Error("a closed relay still accepts")
	}
}

func TestARelayToNowhereEndsTheClientsConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nowhere := listener.Addr().String()
	listener.Close()
	r, err := newRelay(nowhere)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", r.address())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Errorf("read %d bytes, error %v", n, err)
	}
	if err := errors.Join(c.Close(), r.close()); err != nil {
		t.Error(err)
	}
}
