package wire

import (
	"bytes"
	"io"
)

// Held goes through the refs that a caller has, in the order of their names, each once.
type Held interface {
	// Next gives the next ref: its object id in hexadecimal digits of lower case, a space, and its name, as in a server's list. It is
	// empty behind the last one, and valid until the next call.
	Next() []byte
}

// difference is a comparison of a server's list of refs with those that a caller holds. As both are sorted by name, it is one pass
// over the two, in which a ref that is the same costs a comparison of its line and nothing else.
type difference struct {
	list *refList
	held Held
	next []byte // the next one held; empty: none is left
	last []byte // the name before
}

// beforeName is how long a line is before the name of its ref.
const beforeName = 40 + len(" ")

// readDifference reads a whole answer to ls-refs, and keeps of it only the refs that are not held as they are. It is false for a
// list that is not sorted, of which it tells nothing.
func readDifference(answer []byte, held Held, list *refList) (isSorted bool, err error) {
	d := difference{list: list, held: held, next: held.Next()}
	for {
		n, ok := 0, len(answer) >= 4
		if ok {
			n, ok = pktLength(answer)
		}
		switch {
		case !ok || n > len(answer):
			return false, cut(io.ErrUnexpectedEOF)
		case pktKind(n) == pktFlush:
			d.pass(nil)
			list.adv.IsDifference = true
			return true, list.checkCount(list.adv.Same + len(list.adv.Refs))
		case n < 4:
			return false, problem(ErrProtocol, "a marker %04x among the refs", n)
		}
		if isSorted, err := d.read(bytes.TrimSuffix(answer[4:n], []byte("\n"))); err != nil || !isSorted {
			return false, err
		}
		answer = answer[n:]
	}
}

// read takes one line of the list. It is false for a ref that is out of order.
func (d *difference) read(line []byte) (isSorted bool, err error) {
	var name []byte
	if !d.isNext(line) {
		if name = refName(line); name != nil {
			if bytes.Compare(d.last, name) >= 0 {
				return false, nil
			}
			d.pass(name)
		}
	}
	if d.isNext(line) {
		d.last = line[beforeName:len(d.next)]
		d.next = d.held.Next()
		d.list.adv.Same++
		return true, nil
	}
	if name != nil {
		d.last = name
		if len(d.next) > 0 && bytes.Equal(d.next[beforeName:], name) {
			d.next = d.held.Next()
		}
	}
	if message, isError := bytes.CutPrefix(line, []byte("ERR ")); isError {
		return false, remoteError(string(message))
	}
	return true, readLsRef(line, d.list)
}

// isNext reports whether a line is that of the next ref held, as it is held. What may follow the name are attributes.
func (d *difference) isNext(line []byte) bool {
	n := len(d.next)
	return n > 0 && bytes.HasPrefix(line, d.next) && (len(line) == n || line[n] == ' ')
}

// pass goes on to the first ref held that is not before a name, or with nil to the end. The server does not have those between.
func (d *difference) pass(name []byte) {
	for len(d.next) > 0 && (name == nil || bytes.Compare(d.next[beforeName:], name) < 0) {
		d.list.adv.Gone = append(d.list.adv.Gone, string(d.next[beforeName:]))
		d.next = d.held.Next()
	}
}

// refName gives the name in a line that looks like one of a ref.
func refName(line []byte) []byte {
	if len(line) <= beforeName || line[beforeName-1] != ' ' || !bytes.HasPrefix(line[beforeName:], []byte("refs/")) {
		return nil
	}
	name, _, _ := bytes.Cut(line[beforeName:], []byte(" "))
	return name
}
