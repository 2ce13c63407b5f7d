// Package convert converts documents, many at a time.
package convert

import (
	"strconv"
	"sync"

	"example.com/group"
	"example.com/shop/idle"
	"example.com/shop/mark"
)

// Converter fills one map of results.
type Converter struct {
	results map[string]int
	pages   map[int]string
	wait    sync.WaitGroup
}

// New returns one without results.
func New() *Converter {
	return &Converter{results: map[string]int{}, pages: map[int]string{}}
}

// Run starts the workers and waits for them.
func (c *Converter) Run(workers int) {
	for i := 0; i < workers; i++ {
		c.wait.Add(1)
		go c.work(i)
	}
	c.wait.Wait()
}

func (c *Converter) work(n int) {
	mark.Here()
	defer c.wait.Done()
	for i := 0; i < 1<<30; i++ {
		c.convert(n, i)
	}
}

func (c *Converter) convert(n, i int) {
	text := strconv.Itoa(int(idle.Spin(40))+i) + strconv.Itoa(n)
	c.results[text[:3]] = n // writes: fan-out; notices: fan-out
}

// Once starts many workers, each of which stores one result, and waits.
func (c *Converter) Once(workers int) {
	for i := 0; i < workers; i++ {
		c.wait.Add(1)
		go func(n int) {
			mark.Here()
			defer c.wait.Done()
			c.results[strconv.Itoa(n)] = n // writes: fan-out-once; notices: fan-out-once
		}(i)
	}
	c.wait.Wait()
}

// Together converts in a group, whose goroutines a library starts.
func (c *Converter) Together(workers int) error {
	var all group.Group
	for i := 0; i < workers; i++ {
		n := i
		all.Go(func() error {
			mark.Here()
			for page := 0; page < 1<<30; page++ {
				c.pages[page%64] = c.title(n, page) // writes: group; notices: group
			}
			return nil
		})
	}
	return all.Wait()
}

func (c *Converter) title(n, page int) string {
	return strconv.Itoa(n) + "/" + strconv.Itoa(page+int(idle.Spin(60)%2))
}

// Memo remembers what was computed: it looks, computes and stores without a lock.
type Memo struct{ known map[int]uint32 }

// NewMemo returns an empty one.
func NewMemo() *Memo { return &Memo{known: map[int]uint32{}} }

// Sum returns the sum for a key.
func (m *Memo) Sum(key int) uint32 {
	if sum, ok := m.known[key]; ok { // notices: memo
		return sum
	}
	sum := idle.Spin(key % 128)
	m.known[key] = sum // writes: memo; notices: memo
	return sum
}

// Solve asks for many keys.
func (m *Memo) Solve(from int) {
	mark.Here()
	for key := from; ; key++ {
		m.Sum(key % 5000)
		if key%5000 == 0 {
			m.Forget(key)
		}
	}
}

// Forget removes a key.
func (m *Memo) Forget(key int) {
	delete(m.known, key) // writes: memo; notices: memo
}
