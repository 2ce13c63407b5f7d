// Package settings holds the settings of the service.
package settings

import (
	"strconv"
	"sync"

	"example.com/shop/mark"
)

// Store has a getter that returns its map.
type Store struct {
	mu     sync.RWMutex
	values map[string]string
}

// NewStore returns one with some values.
func NewStore() *Store {
	s := &Store{values: map[string]string{}}
	for i := 0; i < 16; i++ {
		s.values[strconv.Itoa(i)] = "on"
	}
	return s
}

// All returns the settings.
func (s *Store) All() map[string]string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.values
}

// Apply changes a setting.
func (s *Store) Apply(key, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[key] = value // writes: returned-json returned-range log-settings log-short
}

// Follow applies the changes that arrive.
func (s *Store) Follow(changes <-chan string) {
	mark.Here()
	for change := range changes {
		s.Apply(change, change)
	}
}

// Change is one change, applied by a goroutine that ends.
func (s *Store) Change(n int) {
	mark.Here()
	s.Apply(strconv.Itoa(n%16), "off")
}

// Config is read from a file, and again when that changes.
type Config struct{ limits map[string]int }

// NewConfig returns the first one.
func NewConfig() *Config {
	c := &Config{limits: map[string]int{}}
	c.load(1)
	return c
}

func (c *Config) load(n int) {
	for i := 0; i < 16; i++ {
		c.limits["limit"+strconv.Itoa(i)] = n // writes: reload
	}
}

// Reload reads the file again.
func (c *Config) Reload(n int) {
	mark.Here()
	c.load(n)
}

// Limit returns one limit.
func (c *Config) Limit(name string) int {
	return c.limits[name] // notices: reload
}
