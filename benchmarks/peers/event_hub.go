// A hub for server-sent events, as it is usually written in Go: `event_hub PORT`. A goroutine and a
// channel for each stream; what is posted to /publish goes to all of them.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"sync"
)

const backlog = 16

type hub struct {
	mutex   sync.Mutex
	streams map[chan []byte]bool
}

func (hub *hub) events(answer http.ResponseWriter, request *http.Request) {
	news := make(chan []byte, backlog)
	hub.mutex.Lock()
	hub.streams[news] = true
	hub.mutex.Unlock()
	defer func() {
		hub.mutex.Lock()
		delete(hub.streams, news)
		hub.mutex.Unlock()
	}()
	answer.Header().Set("Content-Type", "text/event-stream")
	flusher := answer.(http.Flusher)
	flusher.Flush()
	for {
		select {
		case <-request.Context().Done():
			return
		case event := <-news:
			answer.Write(event)
			flusher.Flush()
		}
	}
}

func (hub *hub) publish(answer http.ResponseWriter, request *http.Request) {
	data, _ := io.ReadAll(request.Body)
	event := []byte("event: video.updated\ndata: " + string(data) + "\n\n")
	hub.mutex.Lock()
	for news := range hub.streams {
		select {
		case news <- event:
		default: // does not read
		}
	}
	hub.mutex.Unlock()
	answer.WriteHeader(http.StatusAccepted)
}

func main() {
	hub := &hub{streams: map[chan []byte]bool{}}
	http.HandleFunc("/events", hub.events)
	http.HandleFunc("/publish", hub.publish)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
