import DequeModule

/// Waiting deliveries and the sum of their bodies.
struct DeliveryQueue: Sendable {
    private var deliveries: Deque<Delivery> = []
    private(set) var bytes = 0

    var count: Int { deliveries.count }

    mutating func append(_ delivery: Delivery) {
        deliveries.append(delivery)
        bytes += delivery.event.body.count
    }

    mutating func popFirst() -> Delivery? {
        guard let first = deliveries.popFirst() else { return nil }
        bytes -= first.event.body.count
        return first
    }

    mutating func removeAll() -> [DeliveryKey] {
        defer { self = DeliveryQueue() }
        return deliveries.map(\.key)
    }
}
