// Package ui shows a list that events change.
package ui

import (
	"strconv"
	"sync"

	"example.com/shop/hub/bus"
	"example.com/shop/idle"
	"example.com/shop/mark"
)

// Rows is a store with a lock.
type Rows struct {
	mu   sync.RWMutex
	rows map[string]int
}

// Find returns a row under the lock.
func (r *Rows) Find(id string) int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.rows[id]
}

// Lists orders the rows; the view reads the map in it.
type Lists struct {
	rows   *Rows
	places map[string]int
}

// Reorder computes all places again.
func (l *Lists) Reorder(weight int) {
	for i := 0; i < 16; i++ {
		id := strconv.Itoa(i)
		l.places[id] = l.rank(id, weight) // writes: event-slow two-events; notices: two-events
	}
}

func (l *Lists) rank(id string, weight int) int {
	return l.rows.Find(id) + int(idle.Spin(weight))
}

// View shows a model.
type View struct{}

func (View) draw(places map[string]int) int {
	sum := 0
	for i := 0; i < 16; i++ {
		sum += places[strconv.Itoa(i)] // notices: event-slow
	}
	return sum
}

// Model is what the program shows.
type Model struct {
	lists *Lists
	view  View
	marks map[string]bool
}

// NewModel returns one that listens to the bus.
func NewModel() *Model {
	rows := &Rows{rows: map[string]int{}}
	return &Model{lists: &Lists{rows: rows, places: map[string]int{}}, marks: map[string]bool{}}
}

// Listen changes the lists with each event; that takes a while.
func (m *Model) Listen(events *bus.Bus, weight int) {
	events.Subscribe(func(event bus.Event) {
		mark.Here()
		for n := 0; n < event.N; n++ {
			m.lists.Reorder(weight)
		}
	})
}

// Render draws the model.
func (m *Model) Render() int { return m.view.draw(m.lists.places) }

// ListenShort marks one row with each event.
func (m *Model) ListenShort(events *bus.Bus) {
	events.Subscribe(func(event bus.Event) {
		mark.Here()
		m.marks[event.Topic] = true // writes: event-short
	})
}

// UpdateLoop waits for changes of the weight, of which there are none.
func (m *Model) UpdateLoop(weights <-chan int) {
	for weight := range weights {
		m.lists.Reorder(weight)
	}
}

// Marked returns the number of rows that are marked.
func (m *Model) Marked() int {
	marked := 0
	for range m.marks { // notices: event-short
		marked++
	}
	return marked
}

// Sort orders the lists for ever, as the events do.
func (m *Model) Sort() {
	mark.Here()
	for {
		m.sortOnce()
	}
}

func (m *Model) sortOnce() {
	for i := 0; i < 16; i++ {
		m.lists.places[strconv.Itoa(i)] = i // writes: two-events; notices: two-events
	}
}
