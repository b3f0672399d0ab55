import Signatures

private let key = HMACKey(Secret(Array("a key of the tests".utf8)))

/// Knows the one key of the tests.
let testVerifier = Verifier(keys: [("test", key)])

/// The right signature of these bytes.
func signature(of body: String) -> String { Hex.encode(key.authenticate(Array(body.utf8))) }

/// A signed POST with a Content-Length.
func post(_ body: String, path: String = "/hook", extra: String = "") -> String {
    "POST \(path) HTTP/1.1\r\nHost: relay\r\nX-Gruveo-SHA256-HMAC: \(signature(of: body))\r\n\(extra)"
        + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
}

/// A request head without body and without the blank line's successor.
func head(_ requestLine: String, _ fields: String...) -> String {
    ([requestLine + " HTTP/1.1", "Host: relay"] + fields).map { $0 + "\r\n" }.joined() + "\r\n"
}

/// The answer to the store's n-th event.
func accepted(_ number: Int, closes: Bool = false) -> String {
    let digits = String(number, radix: 16)
    let id = "evt_abcdef0123456789" + String(repeating: "0", count: 16 - digits.count) + digits
    return "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 45\r\n"
        + (closes ? "connection: close\r\n" : "") + "\r\n{\"id\":\"\(id)\"}"
}

/// An answer without body.
func bare(_ status: String, closes: Bool = false, _ fields: String...) -> String {
    let lines = ["HTTP/1.1 \(status)"] + fields + ["content-length: 0"] + (closes ? ["connection: close"] : [])
    return lines.map { $0 + "\r\n" }.joined() + "\r\n"
}
