// Package index finds documents.
package index

import (
	"strconv"
	"sync"
	"time"

	"example.com/shop/idle"
	"example.com/shop/mark"
)

// Index notes each use of a document, and does so under a lock for readers.
type Index struct {
	mu   sync.RWMutex
	docs map[string]int
	used map[string]int
}

// New returns one with some documents.
func New() *Index {
	x := &Index{docs: map[string]int{}, used: map[string]int{}}
	for i := 0; i < 64; i++ {
		x.docs[strconv.Itoa(i)] = i
	}
	return x
}

// Search returns a document.
func (x *Index) Search(word string) int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	x.used[word]++ // writes: read-lock; notices: read-lock
	return x.docs[word] + int(idle.Spin(20)%2)
}

// Query searches for ever.
func (x *Index) Query(from int) {
	mark.Here()
	for n := from; ; n++ {
		x.Search(strconv.Itoa(n % 64))
	}
}

// Tidy removes what was not used.
func (x *Index) Tidy(every time.Duration) {
	mark.Here()
	for n := 0; ; n++ {
		time.Sleep(every)
		x.purge(n)
	}
}

func (x *Index) purge(n int) {
	for i := 0; i < 8; i++ {
		key := strconv.Itoa((n + i) % 64)
		delete(x.docs, key)
		x.docs[key] = n // writes: janitor
	}
}

// Has reports if there is a document.
func (x *Index) Has(word string) bool {
	_, ok := x.docs[word] // notices: janitor
	return ok
}

// Limits is copied with each call, with its lock.
type Limits struct {
	mu     sync.Mutex
	values map[string]int
}

// NewLimits returns one.
func NewLimits() Limits { return Limits{values: map[string]int{"rate": 1}} }

// Raise changes a limit.
func (l Limits) Raise(name string, value int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.values[name] = value // writes: by-value by-value-short
}

// Allows reads a limit.
func (l Limits) Allows(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.values[name] > 0 // notices: by-value by-value-short
}
