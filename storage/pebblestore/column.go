package pebblestore

// column is a long list that grows in chunks, so that growing copies nothing and takes no more than it holds.
type column[T any] struct {
	chunks [][]T
	n      int
}

const (
	columnBits  = 14
	columnChunk = 1 << columnBits // elements
)

func (c *column[T]) add(v T) {
	last := c.n >> columnBits
	if last == len(c.chunks) {
		c.chunks = append(c.chunks, nil)
		if last > 0 {
			c.chunks[last] = make([]T, 0, columnChunk)
		}
	}
	c.chunks[last] = append(c.chunks[last], v)
	c.n++
}

// at gives the place of the i-th element.
func (c *column[T]) at(i int) *T { return &c.chunks[i>>columnBits][i&(columnChunk-1)] }

func (c *column[T]) get(i int) T { return c.chunks[i>>columnBits][i&(columnChunk-1)] }
