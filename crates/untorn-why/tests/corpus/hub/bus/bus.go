// Package bus passes events to handlers.
package bus

import (
	"sync"

	"example.com/shop/mark"
)

// Event has a topic.
type Event struct {
	Topic string
	N     int
}

// Bus starts a goroutine for each event and handler.
type Bus struct {
	mu       sync.RWMutex
	handlers []func(Event)
	queue    chan Event
	seen     map[string]int
}

// New returns one without handlers.
func New() *Bus { return &Bus{queue: make(chan Event, 16), seen: map[string]int{}} }

// Subscribe adds a handler.
func (b *Bus) Subscribe(handler func(Event)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handlers = append(b.handlers, handler)
}

// Publish queues an event.
func (b *Bus) Publish(event Event) { b.queue <- event }

// Run passes the events on.
func (b *Bus) Run() {
	for event := range b.queue {
		b.dispatch(event)
	}
}

func (b *Bus) dispatch(event Event) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, handler := range b.handlers {
		go func(handle func(Event)) {
			handle(event)
		}(handler)
	}
}

// Count counts the events itself, in its own goroutine.
func (b *Bus) Count() {
	mark.Here()
	for event := range b.queue {
		b.seen[event.Topic]++ // writes: count
	}
}

// Seen returns the number of events of a topic.
func (b *Bus) Seen(topic string) int {
	return b.seen[topic] // notices: count
}
