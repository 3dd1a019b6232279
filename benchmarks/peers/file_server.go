// Go's http.ServeContent on the files of a directory: `file_server DIRECTORY PORT`.
package main

import (
	"log"
	"net/http"
	"os"
	"path/filepath"
)

func serve(directory string) http.HandlerFunc {
	return func(answer http.ResponseWriter, request *http.Request) {
		file, err := os.Open(filepath.Join(directory, filepath.Base(request.URL.Path)))
		if err != nil {
			http.NotFound(answer, request)
			return
		}
		defer file.Close()
		facts, err := file.Stat()
		if err != nil {
			http.Error(answer, "stat", http.StatusInternalServerError)
			return
		}
		answer.Header().Set("Content-Type", "video/mp4")
		http.ServeContent(answer, request, "", facts.ModTime(), file)
	}
}

func main() {
	server := http.Server{Addr: "127.0.0.1:" + os.Args[2], Handler: serve(os.Args[1])}
	log.Fatal(server.ListenAndServe())
}
