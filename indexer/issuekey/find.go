package issuekey

import (
	"bytes"
	"slices"
	"strings"
	"unsafe"
)

// maxKey is the length of the longest key in bytes.
const maxKey = longest + len("-") + longest

// recent is how many keys of a message are compared to a new one before memory is taken for it. What that misses goes after sorting:
// so the work does not grow with the square of the keys.
const recent = 32

// Match is where a key is in a text, as byte offsets: text[Start:Hyphen] is the project key as written, text[Hyphen+1:End] the number.
type Match struct {
	Start, Hyphen, End int
}

// Find appends the keys of a message or note to dst, in the order in which they stand. They do not overlap. Project lists are applied;
// for the canonical key, which follows aliases, see AppendKey. It allocates nothing beyond the growth of dst.
func (r *Rules) Find(dst []Match, message []byte) []Match {
	for m, ok := r.next(message, 0); ok; m, ok = r.next(message, m.End) {
		dst = append(dst, m)
	}
	return dst
}

// next gives the first match whose hyphen is not before from.
func (r *Rules) next(message []byte, from int) (Match, bool) {
	for {
		i := bytes.IndexByte(message[from:], '-')
		if i < 0 {
			return Match{}, false
		}
		from += i + 1
		if from == len(message) || !isDigit(message[from]) {
			continue
		}
		m, no := r.message.match(message, from-1)
		if no == accepted && r.admits(message[m.Start:m.Hyphen]) == accepted {
			return m, true
		}
	}
}

// AppendKey appends the canonical form of a match in text to dst: upper case, with the project that an alias leads to.
func (r *Rules) AppendKey(dst, text []byte, m Match) []byte {
	start := len(dst)
	dst = appendUpper(dst, text[m.Start:m.Hyphen])
	if len(r.projects) > 0 {
		if p := r.projects[string(dst[start:])]; p.becomes != "" {
			dst = append(dst[:start], p.becomes...)
		}
	}
	return append(dst, text[m.Hyphen:m.End]...)
}

// Keys gives the canonical keys of a message or note, sorted bytewise, each once; nil when there is none.
func (r *Rules) Keys(message string) []string { return AppendKeys[string](nil, r, message) }

// AppendKeys appends what Keys gives to dst, as strings of any type. A key that the message has in its canonical form is a part of the
// message, and takes no memory; the message stays as long as the key does.
func AppendKeys[K ~string](dst []K, r *Rules, message string) []K {
	old, text := len(dst), bytesOf(message)
	for m, ok := r.next(text, 0); ok; m, ok = r.next(text, m.End) {
		dst = appendNew(dst, old, r, message, m)
	}
	return sortedFrom(dst, old)
}

// bytesOf gives the bytes of a string without copying them. They must not be written to.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// NameKeys gives the canonical keys of the name of a branch, ref or pull request, sorted bytewise, each once; nil when there is none.
func (r *Rules) NameKeys(name string) []string { return AppendNameKeys[string](nil, r, name) }

// AppendNameKeys appends what NameKeys gives to dst, as strings of any type.
func AppendNameKeys[K ~string](dst []K, r *Rules, name string) []K {
	if strings.IndexByte(name, '-') < 0 {
		return dst
	}
	old, text := len(dst), bytesOf(name)
	for hyphen, c := range text {
		if c != '-' {
			continue
		}
		end, no := r.name.number(text, hyphen)
		if no != accepted {
			continue
		}
		if start, no := r.name.project(text, hyphen); no == accepted && r.admits(text[start:hyphen]) == accepted {
			dst = appendNew(dst, old, r, name, Match{start, hyphen, end})
		}
		if start, no, ok := r.name.part(text, hyphen); ok && no == accepted && r.admits(text[start:hyphen]) == accepted {
			dst = appendNew(dst, old, r, name, Match{start, hyphen, end})
		}
	}
	return sortedFrom(dst, old)
}

// appendNew appends the canonical form of a match unless it is one of the last in dst[old:].
func appendNew[K ~string](dst []K, old int, r *Rules, text string, m Match) []K {
	key := K(text[m.Start:m.End])
	if !r.isCanonical(string(key)[:m.Hyphen-m.Start]) {
		var buf [maxKey]byte
		key = K(r.AppendKey(buf[:0], bytesOf(text), m))
	}
	if slices.Contains(dst[max(old, len(dst)-recent):], key) {
		return dst
	}
	return append(dst, key)
}

// isCanonical reports whether a project key stands for itself as it is written.
func (r *Rules) isCanonical(project string) bool {
	for i := range len(project) {
		if isLower(project[i]) {
			return false
		}
	}
	return len(r.projects) == 0 || r.projects[project].becomes == ""
}

// sortedFrom sorts dst[old:] and drops what it has twice.
func sortedFrom[K ~string](dst []K, old int) []K {
	added := dst[old:]
	slices.Sort(added)
	return dst[:old+len(slices.Compact(added))]
}
