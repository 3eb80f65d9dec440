package commitgraph

import (
	"fmt"
	"math"
)

// NoParent in a list of parents stands for a parent that is not among the commits, such as that of the last commit
// of a shallow clone.
const NoParent = math.MaxUint32

// Order numbers commits that come in any order so that parents come before their children: nodes[i] is the node of
// the i-th commit. It is nil when the commits are in such an order already, each being its own node. The parents of
// the i-th commit are the commits parents[ends[i-1]:ends[i]].
//
// It is linear in commits and parents, and commits that come newest first are turned round. Any others keep to the
// order in which they came, or to its reverse, as far as their parents let them. Parents that no history can have
// are an error: a cycle, or a commit that is not there.
func Order(ends, parents []uint32) ([]Node, error) {
	forward, backward, err := directions(ends, parents)
	switch {
	case err != nil:
		return nil, err
	case backward == 0:
		return nil, nil
	}
	nodes := make([]Node, len(ends))
	if forward == 0 {
		for i := range nodes {
			nodes[i] = Node(len(nodes) - 1 - i)
		}
		return nodes, nil
	}
	o := newOrdering(ends, parents, nodes)
	for i := range nodes {
		if backward > forward {
			i = len(nodes) - 1 - i
		}
		if err := o.number(uint32(i)); err != nil {
			return nil, err
		}
	}
	return nodes, nil
}

// Build makes the graph of the commits that Order numbered, from the same ends and parents.
func Build(ends, parents []uint32, nodes []Node) *Graph {
	commits := make([]uint32, len(nodes)) // by node
	for i, n := range nodes {
		commits[n] = uint32(i)
	}
	g := &Graph{parents: make([]Node, 0, len(parents)), end: make([]int32, 0, len(ends))}
	var of []Node
	for n := range ends {
		i := n
		if nodes != nil {
			i = int(commits[n])
		}
		begin := uint32(0)
		if i > 0 {
			begin = ends[i-1]
		}
		of = of[:0]
		for _, p := range parents[begin:ends[i]] {
			switch {
			case p == NoParent:
			case nodes != nil:
				of = append(of, nodes[p])
			default:
				of = append(of, Node(p))
			}
		}
		g.Add(of...)
	}
	return g
}

// directions counts the parents that come before their child and those that do not, and checks that all are there.
func directions(ends, parents []uint32) (forward, backward int, err error) {
	begin := uint32(0)
	for i, end := range ends {
		if end < begin || int64(end) > int64(len(parents)) {
			return 0, 0, fmt.Errorf("order commits: the parents of commit %d end at %d of %d", i, end, len(parents))
		}
		for _, p := range parents[begin:end] {
			switch {
			case p == NoParent:
			case int64(p) >= int64(len(ends)):
				return 0, 0, fmt.Errorf("order commits: commit %d has the parent %d of %d", i, p, len(ends))
			case int64(p) < int64(i):
				forward++
			default:
				backward++
				if int64(p) == int64(i) {
					return 0, 0, fmt.Errorf("order commits: commit %d is its own parent", i)
				}
			}
		}
		begin = end
	}
	return forward, backward, nil
}

// Marks in the nodes of commits that have no number yet.
const (
	notSeen Node = -1
	onStack Node = -2
)

// ordering is a depth-first search along parents that numbers a commit when all its parents have their numbers.
type ordering struct {
	ends, parents []uint32
	nodes         []Node
	next          Node
	stack         []visit
}

// visit is a commit whose parents are being numbered; those from parents[at] on are still to do.
type visit struct{ commit, at uint32 }

func newOrdering(ends, parents []uint32, nodes []Node) *ordering {
	for i := range nodes {
		nodes[i] = notSeen
	}
	return &ordering{ends: ends, parents: parents, nodes: nodes}
}

// number numbers a commit, and before it those of its ancestors that have no number yet.
func (o *ordering) number(commit uint32) error {
	if o.nodes[commit] != notSeen {
		return nil
	}
	o.push(commit)
	for len(o.stack) > 0 {
		top := &o.stack[len(o.stack)-1]
		switch p, ok := o.parent(top); {
		case !ok:
			o.nodes[top.commit] = o.next
			o.next++
			o.stack = o.stack[:len(o.stack)-1]
		case o.nodes[p] == onStack:
			return fmt.Errorf("order commits: commit %d is its own ancestor", p)
		default:
			o.push(p)
		}
	}
	return nil
}

func (o *ordering) push(commit uint32) {
	begin := uint32(0)
	if commit > 0 {
		begin = o.ends[commit-1]
	}
	o.nodes[commit] = onStack
	o.stack = append(o.stack, visit{commit: commit, at: begin})
}

// parent gives the next parent of a visit that has no number yet, if there is one.
func (o *ordering) parent(v *visit) (p uint32, ok bool) {
	for end := o.ends[v.commit]; v.at < end; {
		p := o.parents[v.at]
		v.at++
		if p != NoParent && o.nodes[p] < 0 {
			return p, true
		}
	}
	return 0, false
}
