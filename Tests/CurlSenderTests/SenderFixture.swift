import Relay
import Testing

@testable import CurlSender

/// Runs a test with a sender of its own, which is gone afterwards.
@discardableResult
func withSender<Value: Sendable>(_ body: (CurlSender) async throws -> Value) async throws -> Value {
    let sender = try CurlSender(version: "test")
    do {
        let value = try await body(sender)
        await sender.shutdown(graceMilliseconds: 0)
        return value
    } catch {
        await sender.shutdown(graceMilliseconds: 0)
        throw error
    }
}

/// Runs a test with a server and a sender.
@discardableResult
func withServer<Value: Sendable>(
    _ server: TestServer, _ body: (TestServer, CurlSender) async throws -> Value
) async throws -> Value {
    defer { server.stop() }
    return try await withSender { try await body(server, $0) }
}

extension CurlSender {
    nonisolated func result(of request: OutgoingRequest) async -> AttemptResult {
        await withCheckedContinuation { continuation in send(request) { continuation.resume(returning: $0) } }
    }

    /// One after the other, each sent from the sender's own thread: a test that waits for its turn between two of them
    /// may find that the connection has been closed as idle.
    nonisolated func results(of requests: [OutgoingRequest]) async -> [AttemptResult] {
        await withCheckedContinuation { continuation in
            send(requests[...], []) { continuation.resume(returning: $0) }
        }
    }

    private nonisolated func send(
        _ requests: ArraySlice<OutgoingRequest>, _ results: [AttemptResult],
        completion: @escaping @Sendable ([AttemptResult]) -> Void
    ) {
        guard let first = requests.first else { return completion(results) }
        send(first) { self.send(requests.dropFirst(), results + [$0], completion: completion) }
    }

    nonisolated func failure(of request: OutgoingRequest) async -> TransferFailure? {
        guard case .failure(let failure) = await result(of: request).ending else { return nil }
        return failure
    }

    nonisolated func response(to request: OutgoingRequest) async -> Response? {
        guard case .response(let response) = await result(of: request).ending else { return nil }
        return response
    }
}

let loopback = AddressBlock(address: [127, 0, 0, 0], prefixLength: 8)

func request(
    _ url: String, method: String = "POST", headers: [OutgoingRequest.Header] = [], body: [UInt8] = Array("{}".utf8),
    timeoutMilliseconds: Int = 30_000, allowPrivate: [AddressBlock] = [loopback], caFile: String? = nil
) -> OutgoingRequest {
    var options = TransferOptions()
    options.timeoutMilliseconds = timeoutMilliseconds
    options.connectTimeoutMilliseconds = timeoutMilliseconds
    options.allowPrivate = allowPrivate
    options.caFile = caFile
    return OutgoingRequest(method: method, url: url, headers: headers, body: body, options: options)
}

let plainAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Kind: Plain\r\n\r\nok"
