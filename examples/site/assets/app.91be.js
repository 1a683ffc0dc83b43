const output = document.getElementById("time");

fetch("/api/time")
  .then((response) => response.json())
  .then(({ time }) => { output.textContent = time; });
