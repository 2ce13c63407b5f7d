// A storefront: handlers of requests that share a map.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"example.com/shop/idle"
	"example.com/shop/mark"
	"example.com/shop/storefront/session"
)

// serve starts a server and clients that ask it for ever.
func serve(handler http.Handler, clients int, keep bool, paths ...string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(listener, handler)
	for i := 0; i < clients; i++ {
		transport := &http.Transport{DisableKeepAlives: !keep}
		path := paths[i%len(paths)]
		go request(&http.Client{Transport: transport}, "http://"+listener.Addr().String()+path)
	}
}

func request(client *http.Client, url string) {
	for {
		response, err := client.Get(url)
		if err == nil {
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
	}
}

func monitor(sessions *session.Sessions) {
	for {
		sessions.Active()
	}
}

func sessions(keep bool) {
	idle.Start("mail", "metrics")
	sessions := session.New()
	go monitor(sessions)
	go sessions.SweepLoop()
	serve(sessions, 2, keep, "/a", "/b")
	select {}
}

var hits = map[string]int{}

func countHit(r *http.Request) {
	hits[r.URL.Path]++ // writes: slow-page stats
}

// page counts first, and renders for long.
func page(w http.ResponseWriter, r *http.Request) {
	mark.Here()
	countHit(r)
	render(w, 2_000_000)
}

func render(w io.Writer, rounds int) {
	fmt.Fprintln(w, idle.Spin(rounds))
}

func topPages() int {
	return hits["/top"] // notices: slow-page
}

func slowPage() {
	idle.Start("evict", "audit")
	go func() {
		for {
			topPages()
		}
	}()
	serve(http.HandlerFunc(page), 3, true, "/top", "/new")
	select {}
}

func short(w http.ResponseWriter, r *http.Request) {
	mark.Here()
	countHit(r)
	w.WriteHeader(http.StatusNoContent)
}

func writeStats(w io.Writer) {
	json.NewEncoder(w).Encode(hits) // notices: stats
}

func statsPage(w http.ResponseWriter, r *http.Request) {
	for i := 0; i < 1000; i++ {
		writeStats(io.Discard)
	}
}

func stats() {
	idle.Start("signals", "lease")
	for i := 0; i < 20; i++ {
		hits["/"+strconv.Itoa(i)] = i
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", short)
	mux.HandleFunc("/stats", statsPage)
	serve(mux, 3, false, "/stats", "/a", "/b")
	select {}
}

// One header for all requests, which a signer changes in place.
type signer struct {
	header http.Header
	next   http.RoundTripper
}

func (s *signer) sign(n int) {
	s.header.Set("Date", strconv.Itoa(n)) // writes: header
}

func (s *signer) keepSigned() {
	mark.Here()
	for n := 0; ; n++ {
		s.sign(n)
		time.Sleep(20 * time.Microsecond)
	}
}

func (s *signer) attach(r *http.Request) {
	r.Header.Set("Date", s.header.Get("Date")) // notices: header
}

func header() {
	idle.Start("mail", "evict", "locked")
	shared := &signer{header: http.Header{}}
	go shared.keepSigned()
	request, _ := http.NewRequest("GET", "http://shop.example.com/", nil)
	for {
		shared.attach(request)
	}
}

// Work that a handler leaves behind uses the data of its request.
type order struct{ fields map[string]string }

func (o *order) confirm() {
	mark.Here()
	o.fields["state"] = "confirmed" // writes: left-behind
}

func (o *order) summary() int {
	length := 0
	for i := 0; i < 200; i++ {
		length += len(o.fields["state"]) // notices: left-behind
	}
	return length
}

func placeOrder(w http.ResponseWriter, r *http.Request) {
	o := &order{fields: map[string]string{"state": "new", "path": r.URL.Path}}
	for i := 0; i < 8; i++ {
		go o.confirm()
	}
	fmt.Fprintln(w, o.summary())
}

func leftBehind() {
	idle.Start("metrics", "pipe")
	serve(http.HandlerFunc(placeOrder), 2, true, "/order")
	select {}
}

func main() {
	switch os.Args[1] {
	case "sessions":
		sessions(true)
	case "sessions-close":
		sessions(false)
	case "slow-page":
		slowPage()
	case "stats":
		stats()
	case "header":
		header()
	case "left-behind":
		leftBehind()
	}
}
