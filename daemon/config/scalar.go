package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// text gives the text that v is, in any of YAML's notations.
func (v value) text() (s string, ok bool) {
	switch n := v.node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	default:
		return "", false
	}
}

// text reads a text and holds it against the checks, of which a nil one accepts all. The first that fails is a fault.
func text(dst *string, checks ...func(string) error) func(value) {
	return func(v value) {
		s, ok := v.text()
		if !ok {
			v.failKind("text (quote it where YAML reads something else)")
			return
		}
		*dst = s
		if s == "" {
			v.failKind("text that is not empty")
			return
		}
		for _, check := range checks {
			if check == nil {
				continue
			}
			if err := check(s); err != nil {
				v.fail("%v", err)
				return
			}
		}
	}
}

// texts reads a list of texts, replacing what dst holds.
func texts(dst *[]string, checks ...func(string) error) func(value) {
	return func(v value) {
		*dst = nil
		v.list(func(v value) {
			var s string
			text(&s, checks...)(v)
			*dst = append(*dst, s)
		})
	}
}

// oneOf reads one of the words.
func oneOf[T ~string](dst *T, words ...T) func(value) {
	return func(v value) {
		s, ok := v.text()
		for _, w := range words {
			if ok && s == string(w) {
				*dst = w
				return
			}
		}
		names := make([]string, len(words))
		for i, w := range words {
			names[i] = string(w)
		}
		if want := "one of " + strings.Join(names, ", "); ok {
			v.fail("%.60q: want %s", s, want)
		} else {
			v.failKind(want)
		}
	}
}

func boolean(dst *bool) func(value) {
	return func(v value) {
		if b, ok := v.node.(*ast.BoolNode); ok {
			*dst = b.Value
			return
		}
		v.failScalar("true or false")
	}
}

// integer reads a whole number from low to high.
func integer(dst *int, low, high int) func(value) {
	return func(v value) {
		if _, ok := v.node.(*ast.IntegerNode); ok {
			// The node's own value may be signed, unsigned or, where it overflows, neither.
			if n, err := strconv.Atoi(v.node.GetToken().Value); err == nil && low <= n && n <= high {
				*dst = n
				return
			}
		}
		v.failScalar(fmt.Sprintf("a number from %d to %d", low, high))
	}
}

// duration reads a duration from low to high, as "5m" or "1h30m".
func duration(dst *time.Duration, low, high time.Duration) func(value) {
	return func(v value) {
		if s, ok := v.text(); ok {
			if d, err := time.ParseDuration(s); err == nil && low <= d && d <= high {
				*dst = d
				return
			}
		}
		v.failScalar(fmt.Sprintf("a duration such as 90s, 5m or 24h, at least %v", low))
	}
}

// durationOrNone reads a duration as duration does, or 0.
func durationOrNone(dst *time.Duration, low, high time.Duration) func(value) {
	return func(v value) {
		if _, ok := v.node.(*ast.IntegerNode); ok && v.node.GetToken().Value == "0" {
			*dst = 0
			return
		}
		duration(dst, low, high)(v)
	}
}

// size reads a number of bytes of at least low, as "512MiB" or "20GiB".
func size(dst *int64, low int64) func(value) {
	return func(v value) {
		if s, ok := v.text(); ok {
			if n, ok := parseSize(s); ok && n >= low {
				*dst = n
				return
			}
		}
		v.failScalar(fmt.Sprintf("a size such as 512MiB or 20GiB, at least %dMiB", low>>20))
	}
}

// parseSize reads a whole number with one of the units KiB, MiB, GiB and TiB.
func parseSize(s string) (n int64, ok bool) {
	for i, unit := range []string{"KiB", "MiB", "GiB", "TiB"} {
		digits, ok := strings.CutSuffix(s, unit)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 64)
		shift := 10 * (i + 1)
		if err != nil || n > 1<<(63-shift)-1 {
			return 0, false
		}
		return int64(n) << shift, true
	}
	return 0, false
}

// failScalar records that v is not what is wanted, with its text. Not for keys whose value may be secret.
func (v value) failScalar(want string) {
	if s, ok := v.node.(ast.ScalarNode); ok && !v.empty() {
		text := s.GetToken().Value
		if t, ok := v.text(); ok {
			text = t
		}
		v.fail("%.60q: want %s", text, want)
		return
	}
	v.failKind(want)
}

// secret reads {env: NAME} or {file: PATH}. Nothing else that stands there is ever repeated.
func secret(dst *Secret) func(value) {
	const want = "a secret is written {env: NAME} or {file: PATH}"
	return func(v value) {
		m, ok := v.node.(*ast.MappingNode)
		if !ok || len(m.Values) != 1 {
			if _, literal := v.node.(ast.ScalarNode); literal && !v.empty() {
				v.fail("a secret must not stand in the file: put it into an environment variable or a file of its own; %s", want)
			} else {
				v.fail("%s", want)
			}
			return
		}
		e := v.entries()
		if len(e) != 1 {
			return
		}
		from, ok := e[0].text()
		switch {
		case e[0].key == "env" && ok && isEnvName(from):
			*dst = SecretFromEnv(from)
		case e[0].key == "file" && ok && checkAbsolute(from) == nil:
			*dst = SecretFromFile(from)
		default:
			v.fail("%s; NAME has letters, digits and underscores, PATH is absolute", want)
		}
	}
}

// isEnvName reports whether s can name an environment variable: letters, digits and underscores, no digit first (POSIX.1,
// section 8.1).
func isEnvName(s string) bool {
	for i, c := range s {
		letter := c == '_' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
