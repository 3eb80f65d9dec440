package pebblestore

import (
	"cmp"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"

	"keytrail/storage"
)

// keySet numbers issue keys in the order in which it meets them. It knows a key by one packed number, so that to meet it again
// costs no comparison of texts.
type keySet struct {
	slots
	seed   uint64 // so that nobody can choose keys that fall on the same slots
	packed column[uint64]
	keys   column[storage.IssueKey]
	texts  strings.Builder // where the next keys' bytes go, so that a key does not hold on to its message

	projects  []string
	projectOf map[string]uint64
	last      uint64 // project of the key before
	odd       map[storage.IssueKey]uint64
}

// A packed key is, from the highest bit: whether it is odd, its project's number, how many digits it has, and their value. Keys
// that do not fit are odd: they are packed as their own number.
const (
	isOdd      = 1 << 63
	digitsBits = 38
	valueBits  = 34
	maxDigits  = 10 // less than 1<<valueBits
)

const keyTexts = 16 << 10 // bytes allocated at once

// number gives an issue key its number.
func (s *keySet) number(key storage.IssueKey) uint32 {
	if s.keys.n == 0 {
		s.seed = rand.Uint64() | 1
		s.projectOf, s.odd = map[string]uint64{}, map[storage.IssueKey]uint64{}
	}
	packed := s.pack(key)
	s.room(s.keys.n, func(i int) uint64 { return s.hash(s.packed.get(i)) })
	at := s.hash(packed) & s.mask
	for ; s.numbers[at] != 0; at = (at + 1) & s.mask {
		if n := s.numbers[at] - 1; s.packed.get(int(n)) == packed {
			return n
		}
	}
	s.numbers[at] = uint32(s.keys.n) + 1
	s.packed.add(packed)
	s.keys.add(s.own(key))
	return uint32(s.keys.n) - 1
}

func (s *keySet) hash(packed uint64) uint64 {
	high, low := bits.Mul64(packed^s.seed>>1, s.seed)
	return high ^ low
}

func (s *keySet) pack(key storage.IssueKey) uint64 {
	hyphen := strings.LastIndexByte(string(key), '-')
	digits := key[hyphen+1:]
	value := uint64(0)
	for i := range len(digits) {
		d := digits[i] - '0'
		if d > 9 || len(digits) > maxDigits {
			return s.packOdd(key)
		}
		value = 10*value + uint64(d)
	}
	if hyphen < 0 {
		return s.packOdd(key)
	}
	return s.project(string(key[:hyphen]))<<digitsBits | uint64(len(digits))<<valueBits | value
}

func (s *keySet) packOdd(key storage.IssueKey) uint64 {
	n, known := s.odd[key]
	if !known {
		n = isOdd | uint64(len(s.odd))
		s.odd[storage.IssueKey(strings.Clone(string(key)))] = n
	}
	return n
}

// project numbers the projects.
func (s *keySet) project(name string) uint64 {
	if len(s.projects) > 0 && s.projects[s.last] == name {
		return s.last
	}
	n, known := s.projectOf[name]
	if !known {
		n = uint64(len(s.projects))
		name = strings.Clone(name)
		s.projects = append(s.projects, name)
		s.projectOf[name] = n
	}
	s.last = n
	return n
}

// own copies a key out of the text that it was found in.
func (s *keySet) own(key storage.IssueKey) storage.IssueKey {
	if len(key) > s.texts.Cap()-s.texts.Len() {
		s.texts.Reset()
		s.texts.Grow(max(keyTexts, len(key)))
	}
	begin := s.texts.Len()
	s.texts.WriteString(string(key))
	return storage.IssueKey(s.texts.String()[begin:])
}

// sorted gives the numbers of the keys in the order of their rows: by project, by the count of digits, by the digits.
func (s *keySet) sorted() []uint32 {
	numbers := make([]uint32, s.keys.n)
	for i := range numbers {
		numbers[i] = uint32(i)
	}
	if len(s.odd) > 0 {
		slices.SortFunc(numbers, func(a, b uint32) int { return compareKeys(s.keys.get(int(a)), s.keys.get(int(b))) })
		return numbers
	}
	places := s.places()
	order := make([]uint64, s.keys.n)
	for i := range order {
		p := s.packed.get(i)
		order[i] = places[p>>digitsBits]<<digitsBits | p&(1<<digitsBits-1)
	}
	slices.SortFunc(numbers, func(a, b uint32) int { return cmp.Compare(order[a], order[b]) })
	return numbers
}

// places gives each project its place in their order.
func (s *keySet) places() []uint64 {
	byName := make([]int, len(s.projects))
	for i := range byName {
		byName[i] = i
	}
	slices.SortFunc(byName, func(a, b int) int { return strings.Compare(s.projects[a], s.projects[b]) })
	places := make([]uint64, len(byName))
	for place, i := range byName {
		places[i] = uint64(place)
	}
	return places
}

// compareKeys orders keys as appendIssue writes them.
func compareKeys(a, b storage.IssueKey) int {
	return cmp.Or(
		strings.Compare(a.Project(), b.Project()),
		cmp.Compare(len(a.Number()), len(b.Number())),
		strings.Compare(a.Number(), b.Number()),
	)
}
