// A page that is opened as a file may start no Worker: the theme's search then runs in a hidden frame, without a network.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.append(frame)
      this.inside = frame.contentWindow
      addEventListener("message", ({ source, data }) => {
        if (source === this.inside) this.dispatchEvent(new MessageEvent("message", { data }))
      })
      const answer = 'postMessage = data => parent.postMessage(data, "*")'
      this.inside.document.open()
      this.inside.document.write(`<script>${answer}</script><script src="${url}"></script>`)
      this.inside.document.close()
      this.loaded = new Promise(done => this.inside.addEventListener("load", done))
    }

    postMessage(data) {
      this.loaded.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data })))
    }
  }
}
