import Signatures

/// Makes the request of one attempt out of the event, the destination and the time. Pure.
package enum RequestBuilder {
    /// The request as it goes out: without a template the body is the event's own bytes.
    package static func request(
        for delivery: Delivery, to destination: Destination, now: Timestamp
    ) -> OutgoingRequest {
        OutgoingRequest(
            method: destination.method, url: destination.url,
            headers: headers(for: delivery, to: destination, now: now, masked: false),
            body: delivery.event.body, options: destination.options)
    }

    /// The same request as a person may see it.
    package static func masked(for delivery: Delivery, to destination: Destination, now: Timestamp) -> MaskedRequest {
        MaskedRequest(
            method: destination.method, url: redactedURL(destination.url),
            headers: headers(for: delivery, to: destination, now: now, masked: true), body: delivery.event.body)
    }

    private static func headers(
        for delivery: Delivery, to destination: Destination, now: Timestamp, masked: Bool
    ) -> [OutgoingRequest.Header] {
        let id = delivery.event.idText
        var headers: [OutgoingRequest.Header] = []
        headers.reserveCapacity(8 + destination.headers.count)
        if !destination.headers.contains(where: { isContentType($0.name) }) {
            headers.append(OutgoingRequest.Header("Content-Type", "application/json"))
        }
        headers.append(OutgoingRequest.Header("webhook-id", id))
        headers.append(OutgoingRequest.Header("Relay-Attempt", String(delivery.attempts + 1)))
        headers.append(OutgoingRequest.Header("Relay-Destination", destination.name))
        if delivery.isReplay { headers.append(OutgoingRequest.Header("Relay-Replay", "1")) }
        if let original = delivery.event.originalID {
            headers.append(OutgoingRequest.Header("Relay-Original-Id", original.description))
        }
        for header in destination.headers {
            headers.append(OutgoingRequest.Header(header.name, masked && header.isSecret ? "<redacted>" : header.value))
        }
        if masked, destination.oauth2 != nil { headers.append(OutgoingRequest.Header("Authorization", "<redacted>")) }
        guard let signer = destination.signer else { return headers }
        for header in signer.headers(id: id, timestampSeconds: now.seconds, body: delivery.event.body) {
            let isSignature = header.name != "webhook-timestamp"
            headers.append(OutgoingRequest.Header(header.name, masked && isSignature ? "<signature>" : header.value))
        }
        return headers
    }

    private static func isContentType(_ name: String) -> Bool {
        name.utf8.count == 12 && name.lowercased() == "content-type"
    }
}
