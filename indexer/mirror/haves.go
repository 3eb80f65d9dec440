package mirror

import (
	"strings"

	"keytrail/storage"
)

const (
	maxHaves     = 2000 // of which 100 KB go over the wire, and which no server takes long over
	fewTips      = 32   // so few that ancestors are worth naming too
	maxAncestors = 256
)

// haves chooses what to tell a server that we hold, the most telling first: what the changed refs were, then branches,
// tags and the rest. With few tips, ancestors in growing distance follow, for a server that no longer has a tip since it
// was force-pushed away.
func haves(o *objects, refs []packedRef, changed []Ref) []storage.OID {
	moved := make(map[string]bool, len(changed))
	for _, r := range changed {
		moved[r.Name] = true
	}
	classes := make([][]storage.OID, 4)
	for _, r := range refs {
		class := 3
		switch {
		case moved[r.name]:
			class = 0
		case strings.HasPrefix(r.name, "refs/heads/"):
			class = 1
		case strings.HasPrefix(r.name, "refs/tags/"):
			class = 2
		}
		oid := r.oid
		if !r.peeled.IsZero() {
			oid = r.peeled
		}
		classes[class] = append(classes[class], oid)
	}
	named := map[storage.OID]bool{}
	var out []storage.OID
	add := func(oid storage.OID) {
		if len(out) < maxHaves && !named[oid] {
			named[oid] = true
			out = append(out, oid)
		}
	}
	for _, class := range classes {
		for _, oid := range class {
			add(oid)
		}
	}
	if tips := out; len(tips) <= fewTips {
		for _, tip := range tips {
			ancestors(o, tip, add)
		}
	}
	return out
}

// ancestors calls add with the first-parent ancestors of a commit at distances 1, 2, 4 and so on.
func ancestors(o *objects, tip storage.OID, add func(storage.OID)) {
	next := 1
	for distance := 1; distance <= maxAncestors; distance++ {
		c, err := o.commit(tip)
		if err != nil || len(c.Parents) == 0 {
			return
		}
		tip = c.Parents[0]
		if distance == next {
			if !o.exists(tip) {
				return
			}
			add(tip)
			next *= 2
		}
	}
}
