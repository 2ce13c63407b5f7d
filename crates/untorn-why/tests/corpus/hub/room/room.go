// Package room has rooms in which connections meet.
package room

import (
	"sync"
	"time"

	"example.com/shop/idle"
	"example.com/shop/mark"
)

// Conn is a connection.
type Conn struct {
	id   int
	in   chan string
	sent int
}

// NewConn returns one.
func NewConn(id int) *Conn { return &Conn{id: id, in: make(chan string, 1)} }

// Room broadcasts to its members.
type Room struct {
	mu      sync.Mutex
	members map[*Conn]bool
}

// New returns an empty room.
func New() *Room { return &Room{members: map[*Conn]bool{}} }

func (r *Room) join(c *Conn) {
	r.members[c] = true // writes: join
}

func (r *Room) leave(c *Conn) {
	delete(r.members, c) // writes: leave
}

// Serve lets a connection join, and reads from it for ever.
func (r *Room) Serve(c *Conn) {
	mark.Here()
	r.join(c)
	c.readLoop()
}

// Visit serves a connection that is closed soon.
func (r *Room) Visit(c *Conn) {
	mark.Here()
	defer r.leave(c)
	c.handshake()
}

func (c *Conn) handshake() { c.sent += int(idle.Spin(200)) }

func (c *Conn) readLoop() {
	for range c.in {
		c.sent++
	}
}

// Close ends the goroutine that reads from it.
func (c *Conn) Close() { close(c.in) }

// Broadcast counts the members that a message reaches.
func (r *Room) Broadcast() int {
	reached := 0
	for member := range r.members { // notices: join leave
		reached += member.id
	}
	return reached
}

// KeepAlive counts the members under the lock.
func (r *Room) KeepAlive(every time.Duration) {
	for {
		r.mu.Lock()
		_ = len(r.members)
		r.mu.Unlock()
		time.Sleep(every)
	}
}

// Add adds a member under the lock.
func (r *Room) Add(c *Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members[c] = true
}
