// Package session keeps sessions in memory.
package session

import (
	"net/http"
	"sync"
	"time"

	"example.com/shop/mark"
)

// Sessions locks in Touch and not in Active.
type Sessions struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// New returns one without sessions.
func New() *Sessions { return &Sessions{last: map[string]time.Time{"": time.Now()}} }

// Touch notes that a session is in use.
func (s *Sessions) Touch(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last[id] = time.Now() // writes: sessions sessions-close
}

// Active returns the number of sessions of the last minute.
func (s *Sessions) Active() int {
	active := 0
	for _, last := range s.last { // notices: sessions sessions-close
		if time.Since(last) < time.Minute {
			active++
		}
	}
	return active
}

// SweepLoop would remove old sessions, once an hour.
func (s *Sessions) SweepLoop() {
	for range time.Tick(time.Hour) {
		s.mu.Lock()
		for id, last := range s.last {
			if time.Since(last) > time.Hour {
				delete(s.last, id)
			}
		}
		s.mu.Unlock()
	}
}

// ServeHTTP touches the session of the request.
func (s *Sessions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mark.Here()
	s.Touch(r.URL.Path)
}
