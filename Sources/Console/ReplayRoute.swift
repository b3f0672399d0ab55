import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import Relay

/// `POST /replay`: one page of a replay, which the command line asks for until there is no next one.
struct ReplayRoute {
    /// A request with the most ids, and then some, in bytes.
    private static let bodyLimit = 256 * 1024

    let page: @Sendable (ReplayRequest) async throws(ReplayFault) -> ReplayPage

    func answer(_ request: Request) async throws -> (HTTPResponse.Status, JSONObject) {
        let body = try await request.body.collect(upTo: ReplayRoute.bodyLimit)
        do throws(ReplayFault) {
            return (.ok, try await page(try ReplayRequest(Array(body.readableBytesView))).object)
        } catch {
            return ReplayRoute.failure(error)
        }
    }

    private static func unusable(_ unknown: [EventID], _ damaged: [EventID]) -> JSONObject {
        func list(_ ids: [EventID]) -> String { ids.map(\.description).joined(separator: ", ") }
        let texts = [
            unknown.isEmpty ? nil : "not stored: " + list(unknown),
            damaged.isEmpty ? nil : "stored, but the bytes have changed: " + list(damaged),
        ]
        return JSONObject([
            "error": .string(texts.compactMap(\.self).joined(separator: "; ")),
            "unknown": .array(unknown.map { .string("\($0)") }),
            "damaged": .array(damaged.map { .string("\($0)") }),
        ])
    }

    private static func failure(_ fault: ReplayFault) -> (HTTPResponse.Status, JSONObject) {
        switch fault {
        case .refused(let reason): return (.badRequest, JSONObject(["error": .string(reason)]))
        case .unusableEvents(let unknown, let damaged):
            return (unknown.isEmpty ? .unprocessableContent : .notFound, unusable(unknown, damaged))
        case .store(let error):
            let status: HTTPResponse.Status = error.kind == .failed ? .internalServerError : .serviceUnavailable
            return (status, JSONObject(["error": .string(error.description)]))
        }
    }
}
