"""Works out the price of an order from a formula. It trusts its caller far too much."""


def handler(event, context):
    price = eval(event["formula"], {"__builtins__": __builtins__}, {"quantity": event.get("quantity", 1)})
    return {"price": price}
