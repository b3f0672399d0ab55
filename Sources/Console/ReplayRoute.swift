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

    private static func failure(_ fault: ReplayFault) -> (HTTPResponse.Status, JSONObject) {
        switch fault {
        case .refused(let reason): return (.badRequest, JSONObject(["error": .string(reason)]))
        case .unknownEvents(let ids):
            return (
                .notFound,
                JSONObject([
                    "error": .string("not stored: " + ids.map(\.description).joined(separator: ", ")),
                    "unknown": .array(ids.map { .string("\($0)") }),
                ])
            )
        case .store(let error):
            let status: HTTPResponse.Status = error.kind == .failed ? .internalServerError : .serviceUnavailable
            return (status, JSONObject(["error": .string(error.description)]))
        }
    }
}
