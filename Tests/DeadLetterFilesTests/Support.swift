import Foundation
import Relay
import Synchronization
import Testing

@testable import DeadLetterFiles

/// A state directory of one test, gone with it.
final class TemporaryState: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/dead-letters-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func names(_ directory: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path + "/" + directory)) ?? []).sorted()
    }

    func text(_ file: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(fileURLWithPath: path + "/" + file)), as: UTF8.self)
    }

    func put(_ text: String, at file: String) throws { try put(Array(text.utf8), at: file) }

    func put(_ bytes: [UInt8], at file: String) throws {
        let url = URL(fileURLWithPath: path + "/" + file)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
    }

    /// As `mv` does.
    func move(_ file: String, to target: String) throws {
        try #require(rename(path + "/" + file, path + "/" + target) == 0)
    }

    func mode(_ file: String) throws -> mode_t {
        var status = stat()
        try #require(lstat(path + "/" + file, &status) == 0)
        return status.st_mode & 0o7777
    }
}

/// A store that only takes redrives.
final class RecordingStore: Store {
    struct State {
        var redrives: [Redrive] = []
        var isBroken = false
        /// Called before the commit is confirmed.
        var onRedrive: (@Sendable () -> Void)?
    }

    let state = Mutex(State())

    var redrives: [Redrive] { state.withLock { $0.redrives } }

    func redrive(_ redrive: Redrive, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {
        let (isBroken, hook) = state.withLock { ($0.isBroken, $0.onRedrive) }
        if isBroken { return completion(.failure(StoreError(.full, "disk full"))) }
        hook?()
        state.withLock { $0.redrives.append(redrive) }
        completion(.success(()))
    }

    func accept(_ offer: Offer, completion: @escaping @Sendable (Result<Acceptance, StoreError>) -> Void) {
        completion(.failure(StoreError(.failed, "not here")))
    }

    func lease(_ request: LeaseRequest, completion: @escaping @Sendable (Result<Lease, StoreError>) -> Void) {
        completion(.failure(StoreError(.failed, "not here")))
    }

    func hasten(
        _ destination: String, now: Timestamp, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) { completion(.failure(StoreError(.failed, "not here"))) }

    func note(
        _ record: LaneRecord, of destination: String,
        completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) { completion(.failure(StoreError(.failed, "not here"))) }

    func settle(_ settlement: Settlement, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {
        completion(.failure(StoreError(.failed, "not here")))
    }

    func release(_ deliveries: [DeliveryKey]) {}

    func attempts(
        of delivery: DeliveryKey, completion: @escaping @Sendable (Result<[AttemptRecord], StoreError>) -> Void
    ) { completion(.success([])) }

    func events(_ query: EventQuery, completion: @escaping @Sendable (Result<EventPage, StoreError>) -> Void) {}

    func replay(_ replay: Replay, completion: @escaping @Sendable (Result<[ReplayOutcome], StoreError>) -> Void) {}

    func discard(
        _ id: EventID, destination: String, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) { completion(.success(())) }

    func drop(
        _ drop: DropRequest, now: Timestamp, completion: @escaping @Sendable (Result<DropPage, StoreError>) -> Void
    ) {}

    func counts(completion: @escaping @Sendable (Result<StoreCounts, StoreError>) -> Void) {
        completion(.success(StoreCounts()))
    }
}

/// 2026-11-22T08:05:01.042Z.
let receivedAt = Timestamp(milliseconds: 1_795_334_701_042)

func makeLetter(
    body: String = #"{"duration": 1.50, "link":"@acme.sales", "big":123456789012345678901234567890}"#,
    bytes: [UInt8]? = nil, destination: String = "crm", attempts: [AttemptRecord]? = nil, originalID: EventID? = nil,
    id: EventID? = nil, request: MaskedRequest? = nil
) -> DeadLetter {
    let bytes = bytes ?? Array(body.utf8)
    let event = Event(
        id: id ?? EventID(source: "gruveo", body: bytes), source: "gruveo", receivedAt: receivedAt, body: bytes,
        routes: ["known customers"], originalID: originalID)
    return DeadLetter(
        event: event, destination: destination, diedAt: receivedAt.advanced(byMilliseconds: 1500),
        reason: StopReason(code: "status_422", text: "answered 422", advice: "Mend the body."),
        attempts: attempts ?? [makeAttempt(1)],
        request: request
            ?? MaskedRequest(
                method: "POST", url: "https://crm.example.com/…",
                headers: [.init("Content-Type", "application/json"), .init("Authorization", "<redacted>")],
                body: bytes))
}

func makeAttempt(_ number: Int, atMilliseconds: Int64 = 1000, response: [UInt8] = Array("no \"x\"\n\u{1B}[1m".utf8))
    -> AttemptRecord
{
    AttemptRecord(
        number: number, at: receivedAt.advanced(byMilliseconds: atMilliseconds), durationMilliseconds: 12,
        outcome: .dead, status: 422, error: nil, response: response)
}

extension DeadLetterDirectory {
    func write(_ letter: DeadLetter) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            write(letter) { continuation.resume(with: $0) }
        }
    }
}

extension DeadLetter {
    var file: DeadLetterFile { DeadLetterFile(event: event, destination: destination) }
}
