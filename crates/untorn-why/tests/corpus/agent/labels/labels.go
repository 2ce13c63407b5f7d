// Package labels keeps objects in a cache, and workers that change them in place.
package labels

import (
	"strconv"
	"sync"

	"example.com/shop/idle"
	"example.com/shop/mark"
)

// Object has labels.
type Object struct {
	Name   string
	labels map[string]string
}

// SetLabel sets one label.
func (o *Object) SetLabel(key, value string) {
	o.labels[key] = value // writes: labels labels-patch
}

// Lister hands out objects that it keeps.
type Lister struct {
	mu      sync.RWMutex
	objects map[string]*Object
}

// NewLister returns one with an object.
func NewLister() *Lister {
	object := &Object{Name: "web", labels: map[string]string{}}
	return &Lister{objects: map[string]*Object{"web": object}}
}

// Get returns an object under the lock; the caller may not change it.
func (l *Lister) Get(name string) *Object {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.objects[name]
}

// Controller changes the objects of a queue.
type Controller struct {
	lister *Lister
	queue  chan string
}

// NewController returns one with a queue.
func NewController(lister *Lister) *Controller {
	return &Controller{lister: lister, queue: make(chan string)}
}

// Enqueue adds an object to the queue.
func (c *Controller) Enqueue(name string) { c.queue <- name }

// Work takes objects from the queue.
func (c *Controller) Work() {
	mark.Here()
	for name := range c.queue {
		c.reconcile(name)
	}
}

func (c *Controller) reconcile(name string) {
	object := c.lister.Get(name)
	object.SetLabel("seen", strconv.Itoa(int(idle.Spin(100))))
}

// Patch changes an object in a goroutine that ends.
func (c *Controller) Patch(name string) {
	mark.Here()
	c.reconcile(name)
}

// Selector chooses objects by a label.
type Selector struct {
	key   string
	cache *Lister
}

// NewSelector returns one.
func NewSelector(cache *Lister) *Selector { return &Selector{key: "seen", cache: cache} }

// Matches reports if an object has the label.
func (s *Selector) Matches(name string) bool {
	return s.match(s.cache.Get(name))
}

func (s *Selector) match(object *Object) bool {
	return object.labels[s.key] != "" // notices: labels labels-patch
}
